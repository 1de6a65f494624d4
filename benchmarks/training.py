"""A training that is measured itself: it begins at a signal, and says in a file how it went.

As a module it is that training's process, also as a child of the complete worker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import zmq

from benchmarks.load import message
from benchmarks.processes import ANSWER_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable

GATE_TIMEOUT: Final = 60.0
"""Seconds to the signal; the processes that are waited for meanwhile take five."""

LINES: Final = b"epoch 12, batch 345 of 678: loss 0.00123456789, validation 0.00198765432\n" * 800
"""What a flood writes at once, 58 kB."""


class Training:
    """One run: entered, ``command`` starts it, on whatever way, and ``begin`` gives the signal."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._gate = Path(self._folder.name) / "gate"
        self._result = Path(self._folder.name) / "result"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def command(self, **options: Any) -> tuple[str, ...]:
        """The command that runs this module."""
        files = {"gate": self._gate, "result": self._result}
        words = (f"--{name}={value}" for name, value in (files | options).items())
        return (sys.executable, "-m", "benchmarks.training", *words)

    async def begin(self) -> dict[str, float]:
        """Give the signal; the result. Raises TimeoutError."""
        self._gate.touch()
        async with asyncio.timeout(ANSWER_TIMEOUT):
            while not self._result.exists():  # noqa: ASYNC110 - it is another process's
                await asyncio.sleep(0.02)
        result: dict[str, float] = json.loads(self._result.read_text(encoding="utf-8"))
        return result


def step(work: int) -> int:
    """One step of a training that keeps a core busy: so many turns of a loop."""
    total = 0
    for number in range(work):
        total += number * number
    return total


def work_of(seconds: float) -> int:
    """The work of a step that takes ``seconds`` here; the fastest of five trials counts."""
    trial = 100_000

    def timed() -> float:
        began = time.perf_counter()
        step(trial)
        return time.perf_counter() - began

    return round(trial * seconds / min(timed() for _ in range(5)))


def _train(port: int, work: int, seconds: float, wait: Callable[[], None]) -> dict[str, float]:
    """Train for ``seconds`` and report each step to ``port``: the steps, and their CPU time."""
    steps = 0
    with zmq.Context() as context, context.socket(zmq.PUB) as progress:
        progress.linger = 1000
        progress.connect(f"tcp://127.0.0.1:{port}")
        wait()
        until, cpu = time.monotonic() + seconds, time.process_time()
        while time.monotonic() < until:
            step(work)
            progress.send_string(message(steps))
            steps += 1
        return {"steps": steps, "cpu": time.process_time() - cpu}


def _flood(size: int, wait: Callable[[], None]) -> dict[str, float]:
    """Print ``size`` bytes as fast as they are taken: the seconds that took."""
    wait()
    began = time.monotonic()
    for _ in range(size // len(LINES)):
        left = memoryview(LINES)
        while left:
            left = left[os.write(sys.stdout.fileno(), left) :]
    return {"seconds": time.monotonic() - began}


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("gate", "result"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--flood", type=int, metavar="BYTES", help="print, and train nothing")
    parser.add_argument("--port", type=int, help="where the reports go")
    parser.add_argument("--work", type=int, help="of a step")
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args()

    def wait() -> None:
        until = time.monotonic() + GATE_TIMEOUT
        while not options.gate.exists():
            if time.monotonic() > until:
                raise TimeoutError(f"there is no {options.gate}")
            time.sleep(0.01)

    if options.flood is not None:
        result = _flood(options.flood, wait)
    else:
        result = _train(options.port, options.work, options.seconds, wait)
    written = options.result.with_suffix(".part")
    written.write_text(json.dumps(result), encoding="utf-8")
    written.rename(options.result)


if __name__ == "__main__":
    main()
