"""How long everything is measured: in full, or quickly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Effort:
    """How long it is measured: ``rounds`` of every measurement, ``seconds`` of one load.

    Rates are doubled from ``first_rate`` on, and then raised in ``fine_steps`` to the next double.
    ``crowd`` is how many jobs there are at once, each with two clients, ``life`` how many jobs one
    after another, ``starts`` how often everything is started, ``output`` bytes, and ``pairs`` how
    often a training runs without anybody and with a worker. ``page`` is how many reports a page
    that comes late is told. What has none is left out.
    """

    rounds: int
    seconds: float
    idle: float
    stall: float
    burst: int
    first_rate: float
    fine_steps: int
    cycles: int
    jobs: tuple[int, ...]
    clients: tuple[int, ...]
    recording: bool
    crowd: int
    life: int
    starts: int
    output: int
    pairs: int
    page: tuple[int, ...]


FULL: Final = Effort(
    rounds=3,
    seconds=4.0,
    idle=15.0,
    stall=10.0,
    burst=20_000,
    first_rate=2_000.0,
    fine_steps=4,
    cycles=200,
    jobs=(1, 16),
    clients=(1, 4, 8),
    recording=True,
    crowd=16,
    life=1_000,
    starts=5,
    output=100_000_000,
    pairs=2,
    page=(100_000, 1_000_000),
)
QUICK: Final = Effort(
    rounds=1,
    seconds=0.5,
    idle=1.0,
    stall=1.0,
    burst=3_000,
    first_rate=8_000.0,
    fine_steps=1,
    cycles=20,
    jobs=(),
    clients=(),
    recording=False,
    crowd=4,
    life=10,
    starts=1,
    output=1_000_000,
    pairs=1,
    page=(),
)
