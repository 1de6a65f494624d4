"""What a measurement gives: its figures by name.

Times are in milliseconds unless the name says otherwise, rates in messages per second, memory in
MiB.
"""

from __future__ import annotations

import statistics
from typing import Any, Final

from benchmarks.subjects import POLL, SUBJECTS

Figures = dict[str, float]

MIB: Final = 1024 * 1024
OURS: Final = "this project"
FORWARDERS: Final = tuple(SUBJECTS)
REPORTERS: Final = tuple(subject for subject in SUBJECTS if subject != POLL)


def delays(received: list[Any]) -> list[float]:
    """How long each report was on its way, in milliseconds; of none at all, infinitely."""
    return [(arrived - sent) / 1e6 for _, sent, arrived in received] or [float("inf")]


def quantile(values: list[float], percent: int) -> float:
    """The value below which ``percent`` of all lie."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
