"""StatusQuery: a ``ReporterStatus`` is gathered from those who know its parts.

A plain object on the supervisor's thread.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from actors.runtime import reply
from actors.supervisor.gather import Gather
from actors.supervisor.inbox import Answered
from messages import ClientStatus, CountProgress, CountReports, ProgressCounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime import Scheduler
    from actors.supervisor.clients import Clients
    from messages import Mailbox, ReporterStatus

STATUS_TIMEOUT: Final = 0.8
"""Seconds that those who know a part are waited for; what is missing then stays out."""


class StatusQuery:
    """Completes ``status`` with the job's counts and the clients' rows, then tells ``reply_to``.

    ``over`` is called when it has, or when ``end`` was called.
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
        self._clients = clients
        self._over = over
        self._counts = ProgressCounts()
        self._gather = Gather(me, lambda _: self.end())
        self._timer = scheduler.after(STATUS_TIMEOUT, lambda: me.tell(Answered(self, None)))
        self._is_over = False

    def ask(self, listener: Mailbox[CountProgress]) -> None:
        """Ask the listener and all clients."""
        listener.tell(CountProgress(reply_to=self._gather.reply_to(self)))
        self._clients.ask_all(self._gather, lambda reply_to: CountReports(reply_to=reply_to))

    def told(self, counts: ProgressCounts, /) -> None:
        """The listener has answered."""
        self._counts = counts

    def answered(self, _: None, /) -> None:
        """The time is up."""
        self.end()

    def end(self) -> None:
        """Answer with what is known. Idempotent."""
        if self._is_over:
            return
        self._is_over = True
        self._timer.cancel()
        self._clients.forget(self._gather)
        rows = [row for row in self._gather.answers if isinstance(row, ClientStatus)]
        status = replace(
            self._status,
            received=self._counts.received,
            undecodable=self._counts.undecodable,
            clients=tuple(sorted(rows, key=lambda row: row.client_id)),
        )
        reply(self._reply_to, status)
        self._over(self)
