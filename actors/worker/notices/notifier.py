"""Notifier: runs the user's command with each event, on a thread of its own.

Nobody waits for it but the worker's end, and that for a bounded time.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import tempfile
import threading
from contextlib import suppress
from queue import Full, Queue
from typing import Any, Final

log = logging.getLogger(__name__)

TIMEOUT: Final = 30.0
"""Seconds that the command may take for an event: mail over a slow server takes some ten."""

QUEUED: Final = 20
"""Events that wait for the command; of more the newest are dropped."""

CLOSE_TIMEOUT: Final = 40.0
"""Seconds that the worker's end waits for the last events to be told."""

SAID: Final = 500
"""Characters of what a failing command has said that are shown."""


class Notifier:
    """Runs ``command`` with ``/bin/sh``, an event as JSON on its stdin; ``facts`` are in each.

    It has a process group of its own, so that nothing of it is left when its time is over.
    """

    def __init__(self, command: str, facts: dict[str, Any], *, timeout: float = TIMEOUT) -> None:
        self._command = command
        self._facts = facts
        self._timeout = timeout
        self._events: Queue[dict[str, Any] | None] = Queue(QUEUED)
        self._has_failed = self._is_over = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._fail("the system gives no thread")

    def say(self, **facts: Any) -> None:
        """Have ``facts`` in each event from here on."""
        self._facts = {**self._facts, **facts}

    def tell(self, fields: dict[str, Any]) -> None:
        """Have the command run with ``fields``; never waits."""
        try:
            self._events.put_nowait({**fields, **self._facts})
        except Full:
            self._fail("it is too slow: events are dropped")

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Wait until all has been told; what is not by then is dropped."""
        if not self._thread.is_alive():
            return
        with suppress(Full):
            self._events.put(None, timeout=timeout)
        self._thread.join(timeout)
        self._is_over = True
        process = self._process
        if self._thread.is_alive() and process is not None:
            self._fail(f"the worker's end does not wait for it longer than {timeout:.0f} s")
            _kill(process)
            self._thread.join(1.0)

    def _run(self) -> None:
        while not self._is_over and (event := self._events.get()) is not None:
            try:
                failure = self._run_command(json.dumps(event).encode() + b"\n")
            except Exception as error:  # the next one may work
                failure = repr(error)
            if failure:
                self._fail(failure)

    def _run_command(self, event: bytes) -> str | None:
        """Why it has failed."""
        with tempfile.TemporaryFile() as said:
            # The command is the user's own, and nothing of the run is in it.
            process = subprocess.Popen(
                ["/bin/sh", "-c", self._command],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
            self._process = process
            try:
                process.communicate(event, timeout=self._timeout)
            except subprocess.TimeoutExpired:
                _kill(process)
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=1.0)
                return f"it has not ended within {self._timeout:g} s and was killed"
            finally:
                self._process = None
            if process.returncode == 0:
                return None
            said.seek(0)
            words = said.read(8 * SAID).decode(errors="replace").strip()[-SAID:]
        return f"exit code {process.returncode}" + (f": {words}" if words else "")

    def _fail(self, reason: str) -> None:
        """Say once that it does not work: the next failure is most likely the same."""
        if not self._has_failed:
            self._has_failed = True
            log.warning("--notify-command failed, the training goes on: %s", reason)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it and all that it has started, unless it has ended."""
    if process.poll() is None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
