"""How reporting stands, gathered from those who know a part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from actors.runtime import reply
from actors.supervisor.gather import Gather
from messages import CountProgress, CountReports, ProgressCounts

if TYPE_CHECKING:
    from actors.supervisor.clients import Clients
    from actors.supervisor.script import Answered, Steps
    from messages import Mailbox, ReporterStatus

STATUS_TIMEOUT: Final = 0.8
"""Seconds that those who know a part are waited for; what is missing then stays out."""


def tell_status(
    status: ReporterStatus,
    reply_to: Mailbox[ReporterStatus],
    *,
    me: Mailbox[Answered],
    listener: Mailbox[CountProgress],
    clients: Clients,
) -> Steps[None]:
    """Complete ``status`` with the job's counts and the clients' rows, then tell ``reply_to``."""
    gather = Gather(me, lambda reply_to: CountReports(reply_to=reply_to), timeout=STATUS_TIMEOUT)
    listener.tell(CountProgress(reply_to=gather.reply_to(None)))
    is_complete = yield from clients.ask_all(gather)
    counts = gather.answers.pop(None, ProgressCounts())
    rows = [
        # It has been given nothing of this job yet.
        row if row.job == counts.job else replace(row, forwarded=0, failed=0, missed=0)
        for _, row in sorted(gather.answers.items())
    ]
    whole = replace(
        status,
        received=counts.received,
        undecodable=counts.undecodable,
        clients=tuple(rows),
        is_complete=is_complete,
    )
    reply(reply_to, whole)
