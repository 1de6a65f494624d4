"""How soon the worker is there, and what its package costs whoever imports it."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from benchmarks.measures.figures import MIB, OURS, Figures
from benchmarks.processes import Usage
from benchmarks.standalone import ROOT, SCRIPT, standalone
from benchmarks.subjects import SLEAP_RTC_FILE

if TYPE_CHECKING:
    from benchmarks.measures.effort import Effort

PYTHON: Final = "Python alone"

HELP: Final = {
    OURS: (str(SCRIPT), "--help"),
    PYTHON: ("-c", "import argparse; argparse.ArgumentParser().parse_args(['--help'])"),
}

PACKAGE: Final = "import actors"
REPORTER: Final = "import of the reporter"

IMPORTS: Final = {
    OURS: {PACKAGE: "import actors", REPORTER: "from actors import attach, spawn_supervisor"},
    "sleap-rtc": {REPORTER: f"import runpy; runpy.run_path({str(SLEAP_RTC_FILE)!r})"},
    PYTHON: {PACKAGE: "pass", REPORTER: "import aiortc, pykka, zmq"},
}
"""With Python alone stands what cannot be less: nothing, and the packages that are needed."""

SUBJECTS: Final = tuple(IMPORTS)


async def start_up(subject: str, effort: Effort) -> Figures:
    """Medians of several starts, each of a process of its own."""
    values: dict[str, list[float]] = defaultdict(list)
    for _ in range(effort.starts):
        figures: Figures = {}
        if subject in HELP:
            figures["--help, ms"] = await _until_the_end(*HELP[subject])
        for name, code in IMPORTS[subject].items():
            figures[f"{name}, ms"], figures[f"{name}: memory, MiB"] = await _imported(code)
        if subject == OURS:
            figures |= await _worker()
        for name, value in figures.items():
            values[name].append(value)
    return {name: statistics.median(each) for name, each in values.items()}


async def _until_the_end(*words: str) -> float:
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.DEVNULL, cwd=ROOT
    )
    await process.wait()
    return 1e3 * (time.monotonic() - began)


async def _imported(code: str) -> tuple[float, float]:
    """The milliseconds from the start until ``code`` has run, and its memory then."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"{code}\nprint(flush=True)\ninput()"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    took, memory = time.monotonic() - began, Usage(process).memory()
    await process.communicate(b"\n")
    return 1e3 * took, memory / MIB


async def _worker() -> Figures:
    async with standalone("--", sys.executable, "-c", "input()") as worker:
        return {
            "first line, ms": 1e3 * worker.first_line,
            "the page's link, ms": 1e3 * worker.ready,
            "with the page: memory, MiB": worker.memory() / MIB,
        }
