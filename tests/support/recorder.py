"""An actor on an event loop that tells all that happens to it."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from actors.runtime import LoopActor
from messages import ChildDown
from tests.support.probe import Probe


class Recorder(LoopActor[Any]):
    """Tells ``told`` of its start, each message and its end; calls what can be called.

    It is its own parent.
    """

    name = "recorder"

    def __init__(
        self, loop: asyncio.AbstractEventLoop, told: Probe[Any], on_start: Exception | None = None
    ) -> None:
        super().__init__(loop)
        self.parent = self
        self._told = told
        self._on_start = on_start

    def set_up(self) -> None:
        self._tell("on_start")
        if self._on_start is not None:
            raise self._on_start

    def tell(self, down: ChildDown, /) -> None:
        self._tell("on_stop" if down.reason is None else f"on_failure {down.reason}")

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message()
        self._tell(message)
        return f"answer to {message}"

    def _tell(self, what: object) -> None:
        self._told.tell((what, threading.get_ident()))


def fail(error: BaseException) -> Callable[[], None]:
    """A message whose handler raises ``error``."""

    def handler() -> None:
        raise error

    return handler
