"""ThisRun: what the page asks of the run that the worker runs or shows, on the event loop's thread.

``GET /digest`` is the run so far, ``GET /batches`` more of its batch losses where somebody looks
closely. The digest's actor answers.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final, TypeVar

from actors.runtime import FutureMailbox, TokenBucket
from actors.worker.viewer.access import RefusedError, Role
from actors.worker.viewer.answers import ROLE, check_instance, fields_of, packed
from messages import GetBatches, GetDigest

if TYPE_CHECKING:
    from aiohttp import web

    from messages import BatchesTaken, DigestTaken, Mailbox

DIGEST_TIMEOUT: Final = 5.0
"""Seconds that telling the run may take: a tenth of one, and longer while a recording is read."""

LOOKS: Final = 50
LOOKS_RATE: Final = 5.0
"""Parts of a curve that the viewers of a kind may ask for at once, and a second in the long run: a
page asks for three a second at most, and each costs 10 ms of CPU time."""

_STILL_READING: Final = "the worker is still reading the run"
_NOT_TOLD: Final = "the worker is too busy to send the run so far"

_PLACE: Final = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)
"""Numbers of an epoch and of a batch in it."""


_T = TypeVar("_T")


class ThisRun:
    """Handlers. ``instance`` is this start of the worker's."""

    def __init__(
        self, digest: Mailbox[GetBatches | GetDigest], *, instance: str, is_recording: bool
    ) -> None:
        self._actor = digest
        self._instance = instance
        self._is_recording = is_recording
        self._looks = {role: TokenBucket(rate=LOOKS_RATE, burst=LOOKS) for role in Role}

    async def digest(self, _: web.Request) -> web.StreamResponse:
        """The run so far."""
        answer: FutureMailbox[DigestTaken] = FutureMailbox()
        why_not = _STILL_READING if self._is_recording else _NOT_TOLD
        taken = await self._ask(GetDigest(reply_to=answer), answer, why_not)
        headers = {"X-Unpacked-Length": str(taken.size), "X-Instance": self._instance}
        return packed(taken.packed, headers)

    async def batches(self, request: web.Request) -> web.StreamResponse:
        """Batch losses of a part of the run."""
        answer: FutureMailbox[BatchesTaken] = FutureMailbox()
        question = self._question(request, answer)
        if not self._looks[request[ROLE]].take(1, now=asyncio.get_running_loop().time()):
            raise RefusedError(429, "too many parts of the curves are asked for: wait a moment")
        taken = await self._ask(question, answer, _NOT_TOLD)
        if taken.packed is None:
            raise RefusedError(404, "the worker no longer knows this model")
        return packed(taken.packed)

    async def _ask(
        self, question: GetBatches | GetDigest, answer: FutureMailbox[_T], why_not: str
    ) -> _T:
        """What comes to ``answer``. Raises RefusedError with ``why_not`` if nothing does."""
        self._actor.tell(question)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(answer.future), DIGEST_TIMEOUT)
        except TimeoutError:
            raise RefusedError(503, why_not) from None

    def _question(self, request: web.Request, reply_to: FutureMailbox[BatchesTaken]) -> GetBatches:
        """What batches are asked for. Raises RefusedError."""
        fields = fields_of(request)
        first, last = (_PLACE.fullmatch(fields.get(name, "")) for name in ("from", "to"))
        model = fields.get("model", "")
        if first is None or last is None or not re.fullmatch(r"[0-9]{1,18}", model):
            raise RefusedError(400, "say the model, and from and to as EPOCH-BATCH")
        check_instance(fields.get("instance"), self._instance)
        return GetBatches(
            position=int(model),
            first=(int(first[1]), int(first[2])),
            last=(int(last[1]), int(last[2])),
            reply_to=reply_to,
        )
