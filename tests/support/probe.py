"""A mailbox that remembers what it was told."""

import queue
from typing import Any, Generic

from typing_extensions import TypeVar  # Python's own has no defaults before 3.13

from tests.support.waiting import PATIENCE

M = TypeVar("M", default=Any)
T = TypeVar("T")


class Probe(Generic[M]):
    """Anything with ``tell`` is a mailbox; this one hands out what it got, in order."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[M] = queue.SimpleQueue()

    def tell(self, message: M, /) -> None:
        self._messages.put(message)

    def get(self, timeout: float = PATIENCE) -> M:
        """The next message."""
        try:
            return self._messages.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no message came within {timeout} s") from None

    def expect(self, expected: Any, timeout: float = PATIENCE) -> None:
        """The next message is ``expected``."""
        got = self.get(timeout)
        assert got == expected, f"got {got!r} instead of {expected!r}"

    def wait_for(self, kind: type[T], timeout: float = PATIENCE) -> T:
        """The next message of type ``kind``; others before it are skipped."""
        while True:
            message = self.get(timeout)
            if isinstance(message, kind):
                return message

    def drain(self) -> list[M]:
        """All that is there."""
        messages = []
        while not self._messages.empty():
            messages.append(self._messages.get())
        return messages
