"""LiveFile: says in a run's folder that its worker lives, on a thread of its own.

A file system may take long, or for ever: nobody waits for it.
"""

from __future__ import annotations

import logging
import os
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from actors.worker.keeper import HEARTBEAT
from actors.worker.outputs.runs import LIVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.worker.outputs.runs import Run

log = logging.getLogger(__name__)

IDLE: Final = 2.0
"""Seconds without news after which there is time for what need not be done soon."""

END_TIMEOUT: Final = 2.0
"""Seconds that the file may take to be removed at the end."""


class LiveFile:
    """Written in the folder of ``run``; ``tidy`` is done once, when there is time."""

    def __init__(self, run: Run, *, tidy: Callable[[], None]) -> None:
        self._run = run
        self._tidy = tidy
        self._fields: dict[str, Any] = {}
        self._news: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._keep, name="live-file", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            log.warning("the system gives no thread: %s is not written", LIVE)

    def say(self, **fields: Any) -> None:
        """Have ``fields`` stand in it, beside those that do."""
        self._news.put(fields)

    def end(self) -> None:
        """Remove it."""
        self._news.put(None)
        if self._thread.is_alive():
            self._thread.join(END_TIMEOUT)

    def _keep(self) -> None:
        self._guarded(self._run.write_live)
        is_tidy = False
        while True:
            try:
                fields = self._news.get(timeout=HEARTBEAT if is_tidy else IDLE)
            except Empty:
                if not is_tidy:
                    self._guarded(self._tidy)
                    is_tidy = True
                self._guarded(lambda: os.utime(self._run.folder / LIVE))
                continue
            if fields is None:
                break
            self._fields |= fields
            self._guarded(lambda: self._run.write_live(**self._fields))
        self._guarded(self._run.end_live)
        if not is_tidy:
            self._guarded(self._tidy)

    @staticmethod
    def _guarded(act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            log.info("the run's folder cannot be written: %s", error)
