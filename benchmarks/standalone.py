"""The complete worker, run_worker.py, as a process, with those who watch it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.processes import ANSWER_TIMEOUT, Process, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT: Final = Path(__file__).parents[1]
SCRIPT: Final = ROOT / "run_worker.py"

END_TIMEOUT: Final = 40.0
"""Seconds: the worker gives slow clients 30 at its end."""

TRANSPORTS: Final = ("WebRTC", "WebSocket")


class Worker(Usage):
    """Its first line came ``first_line`` seconds after its start, its ``link`` after ``ready``."""

    link = ""
    first_line = ready = 0.0

    async def ended(self) -> None:
        """Wait until it has ended by itself, behind its training."""
        await self._process.wait()


@asynccontextmanager
async def standalone(*arguments: str) -> AsyncIterator[Worker]:
    """A worker on free ports, whose page is up; it is ended with its training."""
    any_port = "tcp://127.0.0.1:*"
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT), "--port", "0", "--no-record"),
        *("--control-address", any_port, "--progress-address", any_port, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "200"},
        cwd=ROOT,
    )
    assert process.stdout is not None
    worker, output = Worker(process), process.stdout
    dropping: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            while not worker.link:
                line = (await output.readline()).decode()
                worker.first_line = worker.first_line or time.monotonic() - began
                if not line:
                    raise RuntimeError("the worker has ended without a link")
                worker.link = next((word for word in line.split() if "token=" in word), "")
        worker.ready = time.monotonic() - began
        dropping = asyncio.create_task(_drop(output))
        yield worker
    finally:
        if process.returncode is None:
            process.terminate()
        await _end(process, dropping)


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[None]:
    """A training without a worker; what it prints is read and dropped."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    dropping = asyncio.create_task(_drop(process.stdout))
    try:
        yield
    finally:
        await _end(process, dropping)


async def _end(process: asyncio.subprocess.Process, dropping: asyncio.Task[None] | None) -> None:
    """Wait for ``process``, which is to end by itself, and end it if it does not."""
    try:
        await asyncio.wait_for(process.wait(), END_TIMEOUT)
    except TimeoutError:
        process.kill()
        await process.wait()
    if dropping is not None:
        await dropping


async def _drop(output: asyncio.StreamReader) -> None:
    while await output.read(2**16):
        pass


@asynccontextmanager
async def watched(*arguments: str) -> AsyncIterator[Worker]:
    """The same with two viewers, one of each transport, in a process that ends after the worker."""
    viewers = await Process.start("viewer")
    try:
        async with standalone(*arguments) as worker:
            for transport in TRANSPORTS:
                await viewers.ask("watch", link=worker.link, transport=transport)
            yield worker
    finally:
        await viewers.end()
