"""The processes of a measurement, and how they are told what to do: JSON lines on their pipes."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ANSWER_TIMEOUT: Final = 120.0
"""Seconds: far beyond what any step takes."""

MAX_LINE: Final = 256 * 1024 * 1024
"""Bytes of an answer: the times of a million reports fit."""


_SCHED: Final = 2
"""The clock of what the kernel's scheduler has given a process, all of its threads together."""


class Usage:
    """What a process uses."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._psutil = psutil.Process(process.pid)

    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        if sys.platform == "linux":
            # What clock_getcpuclockid(3) answers: to the nanosecond, where /proc counts 10 ms.
            return time.clock_gettime((~self._process.pid << 3) | _SCHED)
        times = self._psutil.cpu_times()
        return times.user + times.system

    def memory(self) -> int:
        """Bytes of memory."""
        return int(self._psutil.memory_info().rss)

    def threads(self) -> int:
        """How many threads it has."""
        return int(self._psutil.num_threads())

    def descriptors(self) -> int:
        """How many file descriptors it holds."""
        return int(self._psutil.num_fds())


class Process(Usage):
    """A module of this package, run as a process of its own."""

    @classmethod
    async def start(cls, module: str, *arguments: str) -> Process:
        """Run ``benchmarks.<module>``."""
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                f"benchmarks.{module}",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=MAX_LINE,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        )

    async def ask(self, command: str, **fields: Any) -> Any:
        """The answer to ``command``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **fields}).encode() + b"\n")
        await self._process.stdin.drain()
        line = await asyncio.wait_for(self._process.stdout.readline(), ANSWER_TIMEOUT)
        if not line:
            raise RuntimeError(f"the process has ended at {command!r}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']}")
        return answer["answer"]

    async def end(self) -> None:
        """Have it end."""
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()


async def serve(commands: dict[str, Callable[..., Awaitable[Any]]]) -> None:
    """Answer commands from stdin until it is closed.

    What was imported is left out of garbage collections, as run_worker.py does it: a full one would
    hold up the event loop for 15 ms, whatever the subject.
    """
    gc.freeze()
    reader = asyncio.StreamReader(limit=MAX_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        fields = json.loads(line)
        command = fields.pop("command")
        try:
            answer = {"answer": await commands[command](**fields)}
        except Exception as error:
            answer = {"error": repr(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
