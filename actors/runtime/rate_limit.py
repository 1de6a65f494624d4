"""How much of something may happen, at once and in the long run. Plain objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LINES: Final = 10
LINES_RATE: Final = 1.0
"""Lines of a kind that are logged singly, at once and a second: of a flood the number is logged."""


class TokenBucket:
    """Holds ``burst`` tokens at most, and gains ``rate`` a second."""

    def __init__(self, *, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = self._left = float(burst)
        self._at = float("-inf")

    def left(self, now: float) -> float:
        """The tokens that are there at ``now``, in seconds of a clock that does not jump."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._rate)
        self._at = now
        return self._left

    def take(self, cost: float, *, now: float) -> bool:
        """Take ``cost`` tokens; False, and none is taken, when fewer are there."""
        enough = self.left(now) >= cost
        if enough:
            self._left -= cost
        return enough

    def owe(self, cost: float) -> None:
        """Take ``cost`` tokens, whether they are there or still to come."""
        self._left -= cost


class FewLines:
    """Lines of a log that may be as many as there are messages: few are written, all counted.

    ``log_count`` logs how many others there were.
    """

    def __init__(self, log_count: Callable[[int], None]) -> None:
        self._bucket = TokenBucket(rate=LINES_RATE, burst=LINES)
        self._log_count = log_count
        self._left_out = 0

    def takes(self, *, now: float) -> bool:
        """Whether one more is to be written at ``now``; then those that were not are logged."""
        taken = self._bucket.take(1, now=now)
        if taken:
            self.log_left_out()
        else:
            self._left_out += 1
        return taken

    def log_left_out(self) -> None:
        """Log how many have not been written since the last one, if any."""
        count, self._left_out = self._left_out, 0
        if count:
            self._log_count(count)
