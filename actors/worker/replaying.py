"""Replaying: a run that is in a journal comes into the log again, and to the page at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.worker.bounded import pages_loop
from actors.worker.outputs import read_journal, read_texts
from actors.worker.parts import answer
from messages import AddedToLog, AddToLog, EntriesRead, RunRead

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from actors.supervisor import SupervisorRef
    from actors.worker.clients import Clients
    from actors.worker.parts import Parts
    from messages import DigestMessage, LogEntry, Mailbox, TextsTaken

ADD_TIMEOUT: Final = 60.0
"""Seconds that a page of a journal may take to be added to the log; it takes milliseconds."""

ENTRIES: Final = 500
"""Entries of a journal in one message."""


async def show_again(
    journal: Path, parts: Parts, clients: Clients, *, closed: asyncio.Event
) -> None:
    """Show the run in ``journal``, on its page until that is ``closed``.

    Raises JournalError, OSError and NotServedError.
    """
    # The page first: a browser opens it while the run is read.
    served = await clients.serve()
    if served is not None:
        await _tell(served, journal)
    last = 0
    async for position in into_log(parts.supervisor, read_journal(journal), where=journal):
        last = position
    await clients.attach(last)
    if served is not None:
        parts.show(f"the run is shown until Ctrl-C at {clients.link}", after=last)
        await closed.wait()


async def into_log(
    supervisor: SupervisorRef, entries: Iterable[LogEntry], *, where: Path
) -> AsyncIterator[int]:
    """Add the ``entries`` of a journal to the log, page by page: each time its last position.

    Raises JournalError, and OSError, also when the file system at ``where`` does not answer.
    """
    async for page in pages_loop(entries, ENTRIES, where=where):
        yield await _add(supervisor, page)


async def _tell(digest: Mailbox[DigestMessage], journal: Path) -> None:
    """Tell the run at once: by the log it takes four times as long."""
    async for page in pages_loop(read_texts(journal), ENTRIES, where=journal):
        try:
            await _take_in(digest, page)
        except TimeoutError:
            return  # the log is for the others
    digest.tell(RunRead())


async def _take_in(digest: Mailbox[EntriesRead], page: tuple[tuple[float, str], ...]) -> None:
    _taken: TextsTaken = await answer(
        lambda to: digest.tell(EntriesRead(entries=page, reply_to=to)), within=ADD_TIMEOUT
    )


async def _add(supervisor: SupervisorRef, page: tuple[LogEntry, ...]) -> int:
    """Add ``page`` to the log; its last position."""
    added: AddedToLog = await answer(
        lambda to: supervisor.tell(AddToLog(entries=page, reply_to=to)), within=ADD_TIMEOUT
    )
    return added.last
