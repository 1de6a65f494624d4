"""StatusQuery: a ``ReporterStatus`` is gathered from those who know its parts.

A plain object on the supervisor's thread.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from actors.runtime import reply
from actors.supervisor.inbox import Answered
from messages import CountProgress, CountReports, ProgressCounts, ReporterStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime import Scheduler
    from actors.supervisor.clients import Clients
    from actors.supervisor.gather import Gather
    from messages import Mailbox

STATUS_TIMEOUT: Final = 0.8
"""Seconds that those who know a part are waited for; what is missing then stays out."""


class StatusQuery:
    """Completes ``status`` with the job's counts and the clients' rows, then tells ``reply_to``.

    ``me`` gets the answers; ``over`` is called when it has been answered, or ``end`` was called.
    """

    def __init__(
        self,
        status: ReporterStatus,
        reply_to: Mailbox[ReporterStatus],
        *,
        me: Mailbox[Answered],
        clients: Clients,
        scheduler: Scheduler,
        over: Callable[[StatusQuery], None],
    ) -> None:
        self._status = status
        self._reply_to = reply_to
        self._me = me
        self._clients = clients
        self._over = over
        self._counts: ProgressCounts | None = None
        self._rows: Gather | None = None
        self._timer = scheduler.after(STATUS_TIMEOUT, lambda: self.tell(None))

    def ask(self, listener: Mailbox[CountProgress]) -> None:
        """Ask the listener and all clients."""
        listener.tell(CountProgress(reply_to=self))
        self._rows = self._clients.gather(
            lambda reply_to: CountReports(reply_to=reply_to), self._rows_complete
        )

    def tell(self, counts: ProgressCounts | None, /) -> None:
        """The listener's answer, or None when the time is up; from any thread."""
        self._me.tell(Answered(self, counts))

    def answered(self, counts: ProgressCounts | None, /) -> None:
        """The same, on the supervisor's thread."""
        self._counts = counts
        if counts is None or (self._rows is not None and not self._rows.waits_for):
            self.end()

    def _rows_complete(self, rows: Gather) -> None:
        self._rows = rows
        if self._counts is not None:
            self.end()

    def end(self) -> None:
        """Answer with what is known."""
        if self._rows is None:
            return  # it has been answered
        rows, self._rows = self._rows, None
        self._timer.cancel()
        self._clients.end_gather(rows)
        counts = self._counts or ProgressCounts()
        clients = sorted(rows.answers.values(), key=lambda row: row.client_id)
        status = replace(
            self._status,
            received=counts.received,
            undecodable=counts.undecodable,
            clients=tuple(clients),
        )
        reply(self._reply_to, status)
        self._over(self)
