"""TokenBucket: how much of something may happen, at once and in the long run. A plain object."""

from __future__ import annotations


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
