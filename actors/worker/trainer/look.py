"""Look: looks for something in a training's folders, on a thread of its own.

A file system may take for ever to answer: nobody waits for it longer than a while.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from actors.worker.trainer.files import SCAN_TIME

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

TIMEOUT: Final = SCAN_TIME + 3.0
"""Seconds that a look may take."""


class Look(Generic[T]):
    """Has ``search`` called; None is nothing to be looked for."""

    def __init__(self, search: Callable[[], T] | None) -> None:
        self.found: T | None = None
        self._search = search
        self._until = time.monotonic() + TIMEOUT
        self._thread = threading.Thread(target=self._look, name="checkpoints", daemon=True)
        try:
            if search is not None:
                self._thread.start()
        except RuntimeError:
            pass  # the system gives no thread: it is not looked for

    @property
    def is_over(self) -> bool:
        """Whether ``found`` says all that it ever will; None is that nobody knows."""
        return not self._thread.is_alive() or time.monotonic() > self._until

    def _look(self) -> None:
        if self._search is not None:
            self.found = self._search()
