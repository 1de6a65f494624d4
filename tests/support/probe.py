"""A mailbox that remembers what it was told."""

import queue
from typing import Any, Generic, TypeVar

from tests.support.waiting import PATIENCE

M = TypeVar("M")
T = TypeVar("T")


class Probe(Generic[M]):
    """Anything with ``tell`` is a mailbox; this one hands out what it got, in order."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[M] = queue.SimpleQueue()

    def tell(self, message: M, /) -> None:
        self._messages.put(message)

    def get(self, within: float = PATIENCE) -> M:
        """The next message."""
        try:
            return self._messages.get(timeout=within)
        except queue.Empty:
            raise AssertionError(f"no message came within {within} s") from None

    def expect(self, expected: Any, within: float = PATIENCE) -> None:
        """The next message is ``expected``."""
        got = self.get(within)
        assert got == expected, f"got {got!r} instead of {expected!r}"

    def wait_for(self, kind: type[T], within: float = PATIENCE) -> T:
        """The next message of type ``kind``; others before it are skipped."""
        while True:
            message = self.get(within)
            if isinstance(message, kind):
                return message

    def drain(self) -> list[M]:
        """All that is there."""
        messages = []
        while not self._messages.empty():
            messages.append(self._messages.get())
        return messages
