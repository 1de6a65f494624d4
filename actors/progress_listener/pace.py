"""Pace: how a trainer's reports come, so that those that come together are taken together.

A plain object of the socket's thread. It saves a third of the CPU time that a report costs.
"""

from __future__ import annotations

from math import inf
from typing import Final

PACE: Final = 2.0
"""Gather intervals within which a next report counts as one after another."""

STREAK: Final = 2
"""Drains that find reports one after another before the thread gathers at once. Below, as with a
training's pairs, the end of a batch and the beginning of the next, it gathers when the next one has
come."""

FAST: Final = 500
FAST_GATHER: Final = 3.0
"""Reports a second, more than a training sends, from which they are gathered three times as long:
each of them then costs a fifth less CPU time."""


class Pace:
    """How the reports come, by the drains that have brought some."""

    def __init__(self, gather: float) -> None:
        self._gather_interval = self.gather = gather
        """Seconds to gather for, if the next ones are to be gathered."""
        self._streak = 0  # drains, without the first of them
        self._is_several = False
        self.came = -inf
        """When the last ones came, in ``time.monotonic`` seconds."""

    def note(self, *, count: int, at: float) -> None:
        """A drain that began ``at`` has brought ``count`` reports."""
        self._streak = self._streak + 1 if at - self.came < PACE * self.gather else 0
        self.came = at
        self._is_several = count > 1
        is_fast = count > FAST * self.gather
        self.gather = self._gather_interval * (FAST_GATHER if is_fast else 1)

    @property
    def is_followed(self) -> bool:
        """Whether another report is likely to come right behind the next one."""
        return self._is_several or self._streak > 0

    @property
    def is_steady(self) -> bool:
        """Whether they come one after another, so that it does not matter when they are taken."""
        return self._streak >= STREAK
