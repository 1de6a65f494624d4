"""LiveFile: says in a run's folder that its worker lives, and the run in short.

It has a thread of its own.

A file system may take long, or for ever: nobody waits for it.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from actors.worker.keeper import HEARTBEAT
from actors.worker.outputs.run_folder import LIVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.worker.outputs.run_folder import Run
    from actors.worker.outputs.summary import RunSummary
    from messages import ReportingReady

log = logging.getLogger(__name__)

IDLE: Final = 2.0
"""Seconds without news after which there is time for what need not be done soon."""

END_TIMEOUT: Final = 2.0
"""Seconds that the folder may take at the end for what is still to be written there."""


class LiveFile:
    """Written in the folder of ``run``; ``tidy`` is done once, when there is time."""

    def __init__(self, run: Run, *, tidy: Callable[[], None]) -> None:
        self._run = run
        self._tidy = tidy
        self._fields: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._summary: RunSummary | None = None  # that is not written yet
        self._acts: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._keep, name="live-file", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            log.warning("the system gives no thread: %s is not written", LIVE)

    def tell(self, message: ReportingReady, /) -> None:
        """Have the reporter's addresses stand in it."""
        self.say(control_address=message.control_address, progress_address=message.progress_address)

    def say(self, **fields: Any) -> None:
        """Have ``fields`` stand in it, beside those that do."""
        self._acts.put(partial(self._say, fields))

    def keep(self, summary: RunSummary) -> None:
        """Have the run kept in short."""
        with self._lock:
            is_due, self._summary = self._summary is not None, summary
        if not is_due:
            self._acts.put(self._write_summary)

    def end(self, *, has_ended: bool, is_empty: bool = False) -> None:
        """Wait a while for what is to be written; remove it, if the training ``has_ended``.

        The run is not kept if it ``is_empty``: its training has never begun.
        """
        if is_empty:
            self._acts.put(self._run.remove_empty)
        elif has_ended:
            self._acts.put(self._run.end_live)
        self._acts.put(None)
        if self._thread.is_alive():
            self._thread.join(END_TIMEOUT)

    def _keep(self) -> None:
        self._guarded(self._run.write_live)
        is_tidy = False
        while True:
            try:
                act = self._acts.get(timeout=HEARTBEAT if is_tidy else IDLE)
            except Empty:
                if not is_tidy:
                    self._guarded(self._tidy)
                    is_tidy = True
                act = self._run.give_sign
            if act is None:
                break
            self._guarded(act)
        if not is_tidy:
            self._guarded(self._tidy)

    def _say(self, fields: dict[str, Any]) -> None:
        self._fields |= fields
        self._run.write_live(**self._fields)

    def _write_summary(self) -> None:
        with self._lock:
            summary, self._summary = self._summary, None
        if summary is not None:
            self._run.write_summary(summary)
            self._run.give_sign()

    @staticmethod
    def _guarded(act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            log.info("the run's folder cannot be written: %s", error)
