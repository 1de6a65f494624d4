"""Pause: the listener's sleep between two polls. A plain object of the event loop's thread."""

from __future__ import annotations

import asyncio
import logging
import os
import selectors
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

log = logging.getLogger(__name__)

SELECT_LIMIT: Final = 1024
"""The descriptors that ``select`` takes are below: FD_SETSIZE of Linux and macOS."""


class Pause:
    """Sleeps, until there is something to receive.

    ``descriptor``, which it owns, is readable from when something has come until the socket is
    used. With None, and on a loop that cannot watch it (Windows' proactor, or where the system has
    no more that can be watched), it sleeps the whole time.
    """

    def __init__(self, loop: AbstractEventLoop, descriptor: int | None) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._pid = os.getpid()
        self._is_watched = self._is_over = False
        self._sleeper: asyncio.Task[object] | None = None
        """The task that sleeps, until its sleep is ended."""

    async def sleep(self, seconds: float) -> None:
        """Sleep for ``seconds``; ``end`` ends it, and so does what comes, or has come."""
        self._watch()
        sleeper = self._sleeper = asyncio.current_task()
        try:
            await asyncio.sleep(0 if self._is_over else seconds)
        except asyncio.CancelledError:
            # Of ``end``, of whoever cancels the task, or of both.
            if self._sleeper is not None or sleeper is None or sleeper.uncancel():
                raise
        finally:
            self._sleeper, self._is_over = None, False

    def end(self) -> None:
        """End the sleep; where there is none, the next one."""
        self._is_over = True
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None:
            sleeper.cancel()

    def close(self) -> None:
        """Watch nothing any more. Idempotent."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(RuntimeError):  # the loop is closed
                self._unwatch(descriptor)
            os.close(descriptor)

    def _watch(self) -> None:
        if self._descriptor is None or self._is_watched:
            return
        try:
            _check(self._loop, self._descriptor)
            self._loop.add_reader(self._descriptor, self._readable, self._descriptor)
            self._is_watched = True
        except Exception as error:  # whatever kind of loop it is, reports come without it
            log.info("the progress socket is looked at from time to time alone: %r", error)
            self.close()

    def _unwatch(self, descriptor: int) -> None:
        if self._is_watched:
            self._is_watched = False
            if os.getpid() == self._pid:  # a child's epoll is the same one
                self._loop.remove_reader(descriptor)

    def _readable(self, descriptor: int) -> None:
        self._unwatch(descriptor)  # it stays readable until the next poll
        self.end()


def _check(loop: AbstractEventLoop, descriptor: int) -> None:
    """Raise ValueError where the loop would take ``descriptor`` and end because of it."""
    # The name is private to asyncio; another kind of loop has none.
    selector = getattr(loop, "_selector", None)
    if descriptor >= SELECT_LIMIT and isinstance(selector, selectors.SelectSelector):
        raise ValueError(f"select() takes no descriptor {descriptor}")
