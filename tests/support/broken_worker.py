"""``run_worker.py`` with a fault: ``python -m tests.support.broken_worker FAULT VALUE ...``.

``stuck PATH``: at SIGUSR1 the event loop stands still until the gate is opened.
``clock SECONDS``: the wall clock jumps to and fro by so much, at each time that it is read.
``impatient SECONDS``: at the end a client is given so much time for what is left, instead of 30 s,
and to close, instead of 5 s.
``crash PATH``: at the report ``CRASH`` the progress listener dies, and its address is free until
the gate is opened.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import run_worker
from actors.progress_listener.socket import Drained, ProgressSocket
from actors.worker import plan, standalone
from actors.worker.viewer import peers

CRASH = "crash"
"""The report at which the progress listener dies."""


def broken(fault: str, value: str) -> tuple[str, ...]:
    """What Python runs."""
    return ("-X", "dev", "-m", __name__, fault, value)


def stuck(gate: str) -> None:
    """The signal's handler runs on the event loop's thread."""

    def stand_still(*_: Any) -> None:
        os.write(2, b"the event loop stands still\n")
        _wait_at(gate)

    signal.signal(signal.SIGUSR1, stand_still)


def clock(seconds: str) -> None:
    """Every second reading is late by ``seconds``, and every third early."""
    true, jumps = time.time, [0.0, float(seconds), -float(seconds)]

    def jumping() -> float:
        jumps.append(jumps.pop(0))
        return true() + jumps[-1]

    time.time = jumping


def impatient(seconds: str) -> None:
    """Each module has a name of its own for it."""
    plan.DRAIN_TIMEOUT = standalone.DRAIN_TIMEOUT = float(seconds)  # type: ignore[misc]
    standalone.STOP_TIMEOUT = 3 * float(seconds)  # type: ignore[misc]
    peers.CLOSE_TIMEOUT = float(seconds)  # type: ignore[misc]


def crash(gate: str) -> None:
    """Crash where the socket is read, and say when it is closed."""
    drain, close = ProgressSocket.drain, ProgressSocket._close
    crashed = []

    def drain_or_crash(self: ProgressSocket) -> Drained:
        if self in crashed:
            raise RuntimeError("broken for a test")
        drained = drain(self)
        kept = [entry for entry in self.received if entry[0] != CRASH]
        if len(kept) < len(self.received):  # what came with it is not lost
            crashed.append(self)
            self.received.clear()
            self.received += kept
        return drained

    def close_and_wait(self: ProgressSocket) -> None:
        close(self)
        if self in crashed:
            os.write(2, b"the socket is closed\n")
            _wait_at(gate)

    ProgressSocket.drain = drain_or_crash  # type: ignore[method-assign]
    ProgressSocket._close = close_and_wait  # type: ignore[method-assign]


def _wait_at(gate: str) -> None:
    with Path(gate).open() as opened:
        opened.readline()


FAULTS = {"stuck": stuck, "clock": clock, "impatient": impatient, "crash": crash}

if __name__ == "__main__":
    FAULTS[sys.argv[1]](sys.argv[2])
    sys.exit(run_worker.main(sys.argv[3:]))
