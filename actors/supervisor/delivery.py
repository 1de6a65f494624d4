"""Delivery: the end of a job's report. What the trainer has sent reaches the clients.

A plain object on the supervisor's thread.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from actors.supervisor.children import LISTENER
from messages import EndJob, ListeningStopped, ProgressCounts, StopListening

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.progress_listener import ProgressLog
    from actors.supervisor.children import Children
    from actors.supervisor.clients import ClientRoster
    from actors.supervisor.steps import Steps
    from messages import ClientStatus, JobEnded

log = logging.getLogger(__name__)

MARGIN: Final = 1.0
"""Seconds beyond its own bound that an actor is waited for; it answers in milliseconds."""

FLUSH_LEAST: Final = 0.25
"""Seconds that the clients get even if receiving has used up the drain timeout."""


class Delivery:
    """First the listener receives what is still coming, then each client is given what is left.

    Both together are bounded by the drain timeout; ``delivered`` is called with the job's counts.
    """

    def __init__(
        self,
        *,
        steps: Steps,
        children: Children,
        roster: ClientRoster,
        progress_log: ProgressLog,
        delivered: Callable[[ProgressCounts], None],
    ) -> None:
        self._steps = steps
        self._children = children
        self._roster = roster
        self._log = progress_log
        self._delivered = delivered
        self._until = 0.0
        self._counts: ProgressCounts | None = None
        self._stop_drain: float | None = None
        self._unflushed: set[str] = set()

    @property
    def received(self) -> bool:
        """Whether all of the job has been received."""
        return self._counts is not None

    def begin(self, drain: float, *, stop_listening: bool) -> None:
        """Deliver the job within ``drain`` seconds; the listener stops, or begins the next."""
        self._counts = self._stop_drain = None
        self._go_on(drain, stop_listening=stop_listening)

    def stop_instead(self, drain: float) -> None:
        """Have the listener stop, when the delivery of a job that was to be followed runs."""
        if self.received:
            self._go_on(drain, stop_listening=True)
        else:  # the answer that is due has the job's counts; later ones are the next job's
            self._stop_drain = drain

    def _go_on(self, drain: float, *, stop_listening: bool) -> None:
        self._until = time.monotonic() + drain
        self._unflushed.clear()
        reply_to = self._steps.begin(
            drain + MARGIN,
            self._listener_stuck,
            awaited=LISTENER,
            without=self.without_listener,
        )
        end = StopListening if stop_listening else EndJob
        self._children.listener.tell(end(reply_to=reply_to, within=drain))

    def without_listener(self) -> None:
        """The listener has crashed: go on with what is in the log."""
        self._received(self._log.counts)

    def _listener_stuck(self) -> None:
        """The event loop does not run, so no client can be given anything either."""
        log.error("the event loop is stuck: reports that it still had to deliver may be lost")
        self._roster.follow(self._children.replace(LISTENER))
        self._delivered(self._counts or self._log.counts)

    def listened(self, answer: JobEnded | ListeningStopped) -> None:
        """All of the job is in the log."""
        if isinstance(answer, ListeningStopped):
            counts = ProgressCounts(
                received=answer.received,
                undecodable=answer.undecodable,
                last=answer.last,
                train_end=answer.train_end,
            )
        elif self._stop_drain is not None:
            self._counts = answer.counts
            self._go_on(self._stop_drain, stop_listening=True)
            return
        else:
            counts = answer.counts
        self._received(counts)

    def flushed(self, status: ClientStatus) -> None:
        """A client was given all that it can be given."""
        self._roster.count(status)
        self._unflushed.discard(status.client_id)
        self._end_when_flushed()

    def clients_changed(self) -> None:
        """Clients that are gone are not waited for."""
        if self._unflushed:
            self._unflushed &= self._roster.client_ids()
            self._end_when_flushed()

    def _received(self, counts: ProgressCounts) -> None:
        # When a next job has begun in the log, its counts are not this job's.
        self._counts = counts = self._counts or counts
        within = max(FLUSH_LEAST, self._until - time.monotonic())
        reply_to = self._steps.begin(within + MARGIN, self._clients_lost)
        self._unflushed = self._roster.flush(counts.last, within, reply_to)
        self._end_when_flushed()

    def _clients_lost(self) -> None:
        log.error("clients have not answered: %s", ", ".join(sorted(self._unflushed)))
        self._unflushed.clear()
        self._end_when_flushed()

    def _end_when_flushed(self) -> None:
        if not self._unflushed and self._counts is not None:
            self._roster.end_flush()
            self._delivered(self._counts)
