"""OtherRuns: what the page asks of the runs that are kept here, on the event loop's thread.

``GET /runs`` is their list, ``GET /runs/NAME`` the epochs of one, for who may control. The
archive's actor answers.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from aiohttp import web

from actors.runtime import FutureMailbox
from actors.worker.viewer.access import RefusedError, Role
from actors.worker.viewer.answers import ROLE, packed
from messages import GetEpochs, GetRuns

if TYPE_CHECKING:
    from messages import ArchiveMessage, EpochsTaken, Mailbox, RunsTaken

ARCHIVE_TIMEOUT: Final = 20.0
"""Seconds that reading another run may take: a journal of a gigabyte takes some ten."""

MAX_ASKED: Final = 6
"""Requests that wait: a page asks for five runs and the list."""

_T = TypeVar("_T")


class OtherRuns:
    """Handlers. ``archive`` is None where no runs are kept."""

    def __init__(self, archive: Mailbox[ArchiveMessage] | None) -> None:
        self._archive = archive
        self._asked = 0

    def may_compare(self, role: Role) -> bool:
        """Whether the page can offer to compare this run with others."""
        return self._archive is not None and role is Role.CONTROL

    async def listing(self, request: web.Request) -> web.StreamResponse:
        """The runs that are kept."""
        answer: FutureMailbox[RunsTaken] = FutureMailbox()
        taken = await self._ask(request, GetRuns(reply_to=answer), answer)
        return web.Response(body=taken.json, content_type="application/json", charset="utf-8")

    async def epochs(self, request: web.Request) -> web.StreamResponse:
        """The epochs of one run."""
        answer: FutureMailbox[EpochsTaken] = FutureMailbox()
        question = GetEpochs(name=request.match_info["name"], reply_to=answer)
        taken = await self._ask(request, question, answer)
        if taken.packed is None:
            raise RefusedError(404, "there is no such run, or it cannot be read")
        return packed(taken.packed)

    async def _ask(
        self, request: web.Request, question: ArchiveMessage, answer: FutureMailbox[_T]
    ) -> _T:
        """What comes to ``answer``. Raises RefusedError."""
        if request[ROLE] is not Role.CONTROL:
            raise RefusedError(403, "this link is for watching this run only")
        if self._archive is None:
            raise RefusedError(404, "no runs are kept here")
        if self._asked >= MAX_ASKED:
            raise RefusedError(503, "other runs are being read: wait a moment")
        self._asked += 1
        future = asyncio.wrap_future(answer.future)
        future.add_done_callback(lambda _: self._answered())  # also when nobody waits any more
        self._archive.tell(question)
        try:
            return await asyncio.wait_for(asyncio.shield(future), ARCHIVE_TIMEOUT)
        except TimeoutError:
            text = "the run is not read in time: its disk is slow"
            raise RefusedError(503, text) from None

    def _answered(self) -> None:
        self._asked -= 1
