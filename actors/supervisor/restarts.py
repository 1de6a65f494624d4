"""RestartIntensity: how often an actor may crash."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

CRASHES: Final = 3
WINDOW: Final = 5.0
"""Seconds; more than ``CRASHES`` crashes within them are not an accident."""


class RestartIntensity:
    """Counts crashes within the window."""

    def __init__(self) -> None:
        self._crashes: deque[float] = deque(maxlen=CRASHES + 1)

    def allows_another(self) -> bool:
        """Count a crash; False when it was one too many."""
        self._crashes.append(time.monotonic())
        return len(self._crashes) <= CRASHES or self._crashes[-1] - self._crashes[0] > WINDOW
