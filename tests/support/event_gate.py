"""An event loop, or an actor, that is stuck until a test says so."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.event_loop import LoopThread
from tests.support.probe import PATIENCE


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


class Gate:
    """A mailbox that parks the actor that answers there, from the answer until ``open``."""

    def __init__(self) -> None:
        self._entered, self._opened = threading.Event(), threading.Event()

    def tell(self, message: object, /) -> None:
        self._entered.set()
        self._opened.wait(PATIENCE)

    def wait(self) -> None:
        """Wait until an actor is parked here."""
        assert self._entered.wait(PATIENCE)

    def open(self) -> None:
        """Let it go on."""
        self._opened.set()
