"""Parts: what the standalone worker's parts are begun with, and how they are asked and ended."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from actors.runtime import FutureMailbox, TypedRef, reply
from actors.worker.events import RunEvents
from messages import ShowLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from actors.supervisor import SupervisorRef
    from messages import ChildDown, Mailbox

log = logging.getLogger(__name__)

STOP_TIMEOUT: Final = 10.0
"""Seconds that an actor may take to end."""

M = TypeVar("M")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The reporter, the terminal, and what ends all that has begun, in reverse."""

    stack: AsyncExitStack
    supervisor: SupervisorRef
    screen: TypedRef[Any]

    def begin(self, ref: TypedRef[M]) -> TypedRef[M]:
        """Have the actor ``ref`` ended with all others."""
        self.stack.push_async_callback(end, ref)
        return ref

    @property
    def aside(self) -> Aside:
        """The parent of what a training can do without."""
        return Aside(self.screen)

    def show(self, text: str, *, after: int = 0) -> None:
        """Show a line of the worker's own, behind the run up to the position ``after``."""
        self.screen.tell(ShowLine(text=text, after=after))

    def warn(self, text: str) -> None:
        """Say to all clients of the run that something is not as it should be."""
        RunEvents(self.supervisor).warning(text)


class Aside:
    """The parent of what a training can do without: its crash is shown, and ends nothing."""

    def __init__(self, screen: Mailbox[ShowLine] | None = None) -> None:
        self._screen = screen

    def tell(self, message: ChildDown, /) -> None:
        """Show a crash."""
        if message.reason is not None:
            text = f"{message.child} has failed, the training goes on: {message.reason}"
            log.error("%s", text)
            reply(self._screen, ShowLine(text=f"warning: {text}"))


async def end(ref: TypedRef[Any], *, within: float | None = None) -> None:
    """End an actor; waits so many seconds at most, ``STOP_TIMEOUT`` if none are said."""
    limit = STOP_TIMEOUT if within is None else within
    if not await asyncio.to_thread(ref.stop, timeout=limit):
        log.error("%r has not ended", ref)


async def answer(ask: Callable[[Mailbox[M]], None], *, within: float | None = None) -> M:
    """The answer to what ``ask`` tells, within so many seconds, ``STOP_TIMEOUT`` if none are said.

    Raises TimeoutError, which says so.
    """
    told: FutureMailbox[M] = FutureMailbox()
    ask(told)
    limit = STOP_TIMEOUT if within is None else within
    try:
        return await asyncio.wait_for(asyncio.wrap_future(told.future), limit)
    except TimeoutError:
        raise TimeoutError(f"no answer has come within {limit:g} s") from None
