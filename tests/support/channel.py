"""A data channel without a network, for tests of what a real one does too rarely."""

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.support.waiting import PATIENCE


class FakeChannel:
    """Takes what it is sent at once; ``buffering`` makes it keep it until ``drain`` is called.

    Like aiortc's: ``send`` raises when the channel is not open, and all events come on the thread
    that causes them, so call ``open``, ``close``, ``drain`` and ``receive`` on the event loop.
    """

    def __init__(self, ready_state: str = "open", *, buffering: bool = False) -> None:
        self.readyState = ready_state
        self.bufferedAmount = 0
        self.bufferedAmountLowThreshold = 0
        self.sent: list[str] = []
        self.send_threads: set[int] = set()
        self.highest_buffered = 0
        self.raises: BaseException | None = None
        self.buffering = buffering
        self._handlers: dict[str, list[Callable[..., Any]]] = defaultdict(list)
        self._arrived = threading.Condition()

    def on(self, event: str, f: Callable[..., Any], /) -> object:
        self._handlers[event].append(f)
        return f

    def send(self, data: str, /) -> None:
        if self.readyState != "open":
            raise ConnectionError("the channel is not open")
        if self.raises is not None:
            error, self.raises = self.raises, None
            raise error
        self.send_threads.add(threading.get_ident())
        if self.buffering:
            self.bufferedAmount += len(data.encode())
            self.highest_buffered = max(self.highest_buffered, self.bufferedAmount)
        with self._arrived:
            self.sent.append(data)
            self._arrived.notify_all()

    @property
    def is_attached(self) -> bool:
        """Whether somebody listens to it."""
        return bool(self._handlers["close"])

    def emit(self, event: str, *arguments: Any) -> None:
        for handler in list(self._handlers[event]):
            handler(*arguments)

    def receive(self, data: str | bytes) -> None:
        """The client sends ``data``."""
        self.emit("message", data)

    def open(self) -> None:
        self.readyState = "open"
        self.emit("open")

    def close(self) -> None:
        self.readyState = "closed"
        self.emit("close")

    def drain(self) -> None:
        """All that waits leaves."""
        low = self.bufferedAmount > self.bufferedAmountLowThreshold
        self.bufferedAmount = 0
        if low:
            self.emit("bufferedamountlow")

    def wait_for(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """What was sent, as soon as ``condition`` holds of it."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: condition(self.sent), PATIENCE), (
                f"only {len(self.sent)} texts were sent, the last ones {self.sent[-3:]}"
            )
            return list(self.sent)

    def wait_for_count(self, count: int) -> list[str]:
        """What was sent, as soon as it is ``count`` texts."""
        return self.wait_for(lambda sent: len(sent) >= count)
