"""An event loop on a thread, as a worker has one, with calls from the test's thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tests.support.waiting import PATIENCE

T = TypeVar("T")


class LoopThread:
    """Runs an event loop; unhandled errors of its callbacks are kept in ``errors``."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.errors: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, name="test-loop")
        self._thread.start()

    @property
    def ident(self) -> int | None:
        """The thread's ident."""
        return self._thread.ident

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """``function(*arguments)``, called on the loop's thread."""

        async def run() -> T:
            return function(*arguments)

        return self.run(run())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of ``coroutine``."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    def tasks(self) -> set[str]:
        """The names of the tasks that run, without the one that asks."""

        async def names() -> set[str]:
            current = asyncio.current_task()
            return {task.get_name() for task in asyncio.all_tasks() if task is not current}

        return self.run(names())

    def close(self) -> None:
        """Stop and close the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()


@contextmanager
def stuck(loop_thread: LoopThread) -> Iterator[threading.Event]:
    """The loop is inside one callback until the block is left or the event is set."""
    entered, gate = threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        gate.wait(PATIENCE)

    loop_thread.loop.call_soon_threadsafe(block)
    assert entered.wait(PATIENCE)
    try:
        yield gate
    finally:
        gate.set()
