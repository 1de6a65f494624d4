"""Pause: what ends a sleep, and what does not."""

import asyncio
import errno
import fcntl
import os
import resource
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from socket import socketpair

import pytest

from actors.progress_listener.pause import SELECT_LIMIT, Pause
from tests.support.waiting import PATIENCE

LONG = PATIENCE * 10
SHORT = 0.05


class Arrivals:
    """A descriptor that becomes readable when something comes."""

    def __init__(self) -> None:
        self._mine, self._watched = socketpair()

    def watched(self) -> int:
        return os.dup(self._watched.fileno())

    def come(self) -> None:
        self._mine.send(b"a")

    def take(self) -> None:
        self._watched.recv(100)

    def close(self) -> None:
        self._mine.close()
        self._watched.close()


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    arrivals = Arrivals()
    yield arrivals
    arrivals.close()


@asynccontextmanager
async def paused(arrivals: Arrivals) -> AsyncIterator[Pause]:
    pause = Pause(asyncio.get_running_loop(), arrivals.watched())
    try:
        yield pause
    finally:
        pause.close()


def run(arrivals: Arrivals, do: Callable[[Pause], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE), paused(arrivals) as pause:
            await do(pause)

    asyncio.run(bounded())


def test_what_comes_ends_the_sleep(arrivals: Arrivals) -> None:
    async def do(pause: Pause) -> None:
        for _ in range(3):
            asyncio.get_running_loop().call_later(SHORT, arrivals.come)
            await pause.sleep(LONG)
            arrivals.take()

    run(arrivals, do)


def test_what_has_come_before_ends_the_sleep(arrivals: Arrivals) -> None:
    async def do(pause: Pause) -> None:
        arrivals.come()
        await pause.sleep(LONG)
        await pause.sleep(LONG)  # it has not been taken

    run(arrivals, do)


def test_an_end_ends_the_sleep(arrivals: Arrivals) -> None:
    async def do(pause: Pause) -> None:
        asyncio.get_running_loop().call_later(SHORT, pause.end)
        await pause.sleep(LONG)

    run(arrivals, do)


def test_an_end_before_the_sleep_ends_that_and_no_further_one(arrivals: Arrivals) -> None:
    async def do(pause: Pause) -> None:
        pause.end()
        pause.end()
        await pause.sleep(LONG)
        loop = asyncio.get_running_loop()
        before = loop.time()
        await pause.sleep(SHORT)
        assert loop.time() - before >= SHORT * 0.99

    run(arrivals, do)


def test_an_end_and_an_arrival_at_once_are_one_end(arrivals: Arrivals) -> None:
    async def do(pause: Pause) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(100):
            arrivals.come()
            loop.call_soon(pause.end)
            loop.call_soon(pause.end)
            await pause.sleep(LONG)
            arrivals.take()

    run(arrivals, do)


def test_a_cancelled_sleep_is_cancelled(arrivals: Arrivals) -> None:
    async def do(pause: Pause) -> None:
        sleeping = asyncio.ensure_future(pause.sleep(LONG))
        await asyncio.sleep(0)
        pause.end()
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping

    run(arrivals, do)


def test_a_cancel_and_an_end_in_one_turn_are_a_cancel(arrivals: Arrivals) -> None:
    async def do(pause: Pause) -> None:
        for acts in ("ce", "ec"):
            sleeping = asyncio.ensure_future(pause.sleep(LONG))
            await asyncio.sleep(0)
            for act in acts:
                if act == "c":
                    sleeping.cancel()
                else:
                    pause.end()
            with pytest.raises(asyncio.CancelledError):
                await sleeping
            await asyncio.sleep(0)

    run(arrivals, do)


def test_an_end_leaves_no_cancel_behind(arrivals: Arrivals) -> None:
    async def do(pause: Pause) -> None:
        task = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        for delay in (0, SHORT):
            asyncio.get_running_loop().call_later(delay, pause.end)
            await pause.sleep(SHORT)  # it may be over at the same moment
            await asyncio.sleep(2 * SHORT)
        assert task.cancelling() == before

    run(arrivals, do)


@pytest.mark.parametrize(
    "error",
    [
        NotImplementedError(),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),  # of epoll: max_user_watches
        ValueError("of some kind of loop"),
    ],
    ids=repr,
)
def test_what_the_loop_cannot_watch_is_slept_over(
    arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise error

    async def do(pause: Pause) -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "add_reader", refuse)
        arrivals.come()
        await pause.sleep(SHORT)
        await pause.sleep(SHORT)
        await Pause(asyncio.get_running_loop(), None).sleep(SHORT)

    run(arrivals, do)


def test_a_loop_of_select_outlives_a_descriptor_that_is_too_high_for_it(
    arrivals: Arrivals,
) -> None:
    async def do() -> None:
        low = arrivals.watched()
        high = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, SELECT_LIMIT)
        os.close(low)
        pause = Pause(asyncio.get_running_loop(), high)
        await pause.sleep(SHORT)
        pause.close()

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard <= SELECT_LIMIT:
        pytest.skip("the system gives no such descriptor")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, SELECT_LIMIT + 1), hard))
    try:
        loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
        with closing(loop):
            loop.run_until_complete(do())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_that_closes_it_takes_nothing_from_its_parent(arrivals: Arrivals) -> None:
    async def do(pause: Pause) -> None:
        await pause.sleep(0)
        child = os.fork()
        if not child:
            pause.close()
            os._exit(0)
        os.waitpid(child, 0)  # noqa: ASYNC222 - it ends at once
        asyncio.get_running_loop().call_later(SHORT, arrivals.come)
        await pause.sleep(LONG)

    run(arrivals, do)


def test_it_is_closed_twice_and_behind_its_loop(arrivals: Arrivals) -> None:
    async def sleep_once() -> Pause:
        pause = Pause(asyncio.get_running_loop(), arrivals.watched())
        await pause.sleep(0)
        return pause

    pause = asyncio.run(sleep_once())
    pause.close()
    pause.close()
