"""Bounded: files are asked for what is in them, and nobody waits for ever.

A file system may not answer, such as a network one whose server is gone, and a pipe has no end.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

ANSWER: Final = 10.0
"""Seconds that a file system may take to answer; it takes milliseconds."""

KINDS: Final = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a terminal or another device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}

T = TypeVar("T")


def within(act: Callable[[], T], *, where: Path | str) -> T:
    """What ``act`` returns, which asks the file system at ``where``; blocks.

    Raises what ``act`` does, TimeoutError when there is no answer, and OSError when the system
    gives no thread.
    """
    try:
        return begin(act).result(ANSWER)
    except TimeoutError as error:
        raise _unanswered(error, where) from None


async def within_loop(act: Callable[[], T], *, where: Path | str) -> T:
    """The same for an event loop."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(begin(act)), ANSWER)
    except TimeoutError as error:
        raise _unanswered(error, where) from None


def pages(items: Iterable[T], size: int, *, where: Path | str) -> Iterator[tuple[T, ...]]:
    """All ``items``, so many at a time, each time as for ``within``."""
    iterator = iter(items)

    def page() -> tuple[T, ...]:
        return tuple(islice(iterator, size))

    while found := within(page, where=where):
        yield found


async def pages_loop(
    items: Iterable[T], size: int, *, where: Path | str
) -> AsyncIterator[tuple[T, ...]]:
    """The same for an event loop."""
    iterator = iter(items)
    while found := await within_loop(lambda: tuple(islice(iterator, size)), where=where):
        yield found


def regular(path: str, flags: int) -> int:
    """An opener, for ``open``, of files alone. Raises OSError, also for a pipe and the like.

    A pipe is not even opened: what is written to it would be lost to whom it is for.
    """
    mode = Path(path).stat().st_mode
    if not stat.S_ISREG(mode):
        raise OSError(f"{path} is {KINDS.get(stat.S_IFMT(mode), 'something else')} and not a file")
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def begin(act: Callable[[], T]) -> Future[T]:
    """Have ``act`` called on a thread that nobody waits for, also not the process at its end."""
    told: Future[T] = Future()
    told.set_running_or_notify_cancel()

    def run() -> None:
        try:
            told.set_result(act())
        except Exception as error:
            told.set_exception(error)

    try:
        threading.Thread(target=run, name="files", daemon=True).start()
    except RuntimeError as error:
        told.set_exception(OSError(f"the system gives no thread: {error}"))
    return told


def _unanswered(error: TimeoutError, where: Path | str) -> TimeoutError:
    """What is said of a time that is over; other errors of this kind say what they are."""
    if error.args:
        return error
    return TimeoutError(
        f"the file system of {where} has not answered within {ANSWER:g} s: see whether it is "
        "mounted and its server runs"
    )
