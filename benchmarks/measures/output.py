"""A trainer that prints far more than anybody reads."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from benchmarks.chain import peak_memory
from benchmarks.measures.figures import MIB, OURS, Figures
from benchmarks.standalone import running, watched
from benchmarks.training import Training

if TYPE_CHECKING:
    from benchmarks.measures.effort import Effort

PIPE: Final = "a pipe that is read"

SUBJECTS: Final = (OURS, PIPE)

LONGEST: Final = 240.0
"""Seconds that the worker may take for what was printed."""


async def flood(subject: str, effort: Effort) -> Figures:
    """A flood of output: how long it holds up the trainer; this project has two viewers."""
    name = f"flood of {effort.output // 10**6} MB"
    with Training() as training:
        command = training.command(flood=effort.output)
        if subject == PIPE:
            async with running(*command):
                printed = await training.begin()
            return {f"{name}: the trainer takes, ms": 1e3 * printed["seconds"]}
        async with watched("--", *command) as worker, asyncio.timeout(LONGEST):
            before = worker.memory()
            printing = asyncio.ensure_future(training.begin())
            peak = await peak_memory(worker, printing)
            over = time.monotonic()
            peak = max(peak, await peak_memory(worker, asyncio.ensure_future(worker.ended())))
            return {
                f"{name}: the trainer takes, ms": 1e3 * printing.result()["seconds"],
                f"{name}: the worker ends after it, ms": 1e3 * (time.monotonic() - over),
                f"{name}: memory before, MiB": before / MIB,
                f"{name}: memory at most, MiB": peak / MIB,
            }
