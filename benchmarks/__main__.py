"""Measure this project beside what a user would pick instead, and beside the physical limit.

A trainer, a worker and a client run as three processes on loopback, with the messages of a real
run; what is of the complete worker alone is measured with run_worker.py. The subjects take turns,
so that what else the machine does hits all alike.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from benchmarks.measures import FULL, MEASURES, QUICK, Effort
from benchmarks.report import Results
from benchmarks.subjects import why_not

DISTRIBUTIONS = ("aiortc", "pykka", "pyzmq")


def main() -> int:
    """Measure as the command line says; the exit code."""
    options = parser().parse_args()
    console = Console(stderr=True)
    results = Results(machine=_machine())
    effort = QUICK if options.quick else FULL
    try:
        asyncio.run(_measure(options.only or list(MEASURES), effort, results, console))
    except KeyboardInterrupt:
        console.print("interrupted: what there is")
    shown = Console(width=None if sys.stdout.isatty() else 200)
    for table in results.tables():
        shown.print(table)
    for reason in results.missing:
        shown.print(f"not measured: {reason}", highlight=False)
    if options.json is not None:
        results.write_json(options.json)
    if options.plot is not None:
        results.draw(options.plot)
    return 0


async def _measure(names: list[str], effort: Effort, results: Results, console: Console) -> None:
    without = {}
    began = time.monotonic()
    for name in names:
        measure = MEASURES[name]
        rounds = min(effort.rounds, measure.rounds)
        for number in range(rounds):
            # Every other round the other way: nobody always comes first.
            for subject in measure.subjects[:: 1 if number % 2 == 0 else -1]:
                if subject not in without:
                    without[subject] = await asyncio.to_thread(why_not, subject)
                if without[subject] is not None:
                    continue
                spent = time.monotonic() - began
                console.print(
                    f"{spent:5.0f} s  {name}, round {number + 1} of {rounds}: {subject}",
                    highlight=False,
                )
                try:
                    results.add(name, subject, await measure.take(subject, effort))
                except (RuntimeError, TimeoutError) as error:
                    results.missing.append(f"{name} of {subject}: {error!r}")
    results.missing.extend(reason for reason in without.values() if reason is not None)


def _machine() -> dict[str, object]:
    return {
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in DISTRIBUTIONS},
    }


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--quick", action="store_true", help="within two minutes, and rougher")
    made.add_argument(
        "--only",
        action="append",
        choices=tuple(MEASURES),
        metavar="NAME",
        help=f"only this, may be given again: {', '.join(MEASURES)}",
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="write every value to FILE")
    made.add_argument("--plot", type=Path, metavar="FILE", help="draw an HTML page in FILE")
    return made


if __name__ == "__main__":
    sys.exit(main())
