"""What is measured: each function takes one subject through one measurement and gives its figures.

There is a file for each kind of measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.chain import AIORTC, ZEROMQ
from benchmarks.measures import jobs, loads, output, page, reports, start_up, training
from benchmarks.measures.effort import FULL, QUICK, Effort
from benchmarks.measures.figures import FORWARDERS, OURS, REPORTERS, Figures

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["FULL", "MEASURES", "OURS", "QUICK", "Effort", "Figures", "Measure"]


@dataclass(frozen=True)
class Measure:
    """``take`` measures one of ``subjects``, in at most so many rounds: what takes long has few."""

    take: Callable[[str, Effort], Awaitable[Figures]]
    subjects: tuple[str, ...]
    rounds: int = 3


MEASURES: Final[dict[str, Measure]] = {
    "latency": Measure(reports.latency, (*FORWARDERS, AIORTC, ZEROMQ)),
    "control": Measure(reports.control, REPORTERS),
    "recorded": Measure(reports.recorded_run, FORWARDERS, rounds=1),
    "rate": Measure(loads.highest_rate, (*REPORTERS, AIORTC, ZEROMQ)),
    "burst": Measure(loads.burst, (*REPORTERS, AIORTC, ZEROMQ)),
    "idle": Measure(loads.idle, (*FORWARDERS, AIORTC)),
    "stall": Measure(loads.stalled_client, REPORTERS),
    "cycles": Measure(jobs.start_and_stop, REPORTERS),
    "jobs": Measure(jobs.many_jobs, REPORTERS, rounds=2),
    "clients": Measure(jobs.many_clients, jobs.WITH_MANY_CLIENTS, rounds=2),
    "crowd": Measure(jobs.crowd, jobs.WITH_MANY_CLIENTS),
    "life": Measure(jobs.long_life, jobs.WITH_MANY_JOBS, rounds=1),
    "start": Measure(start_up.start_up, start_up.SUBJECTS),
    "output": Measure(output.flood, output.SUBJECTS, rounds=1),
    "page": Measure(page.page, (OURS,), rounds=1),
    "training": Measure(training.lost_steps, REPORTERS, rounds=2),
}
"""By their names on the command line."""
