"""What is done about an actor that has crashed: how often it may, and what the owner is told."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from actors.runtime import reply
from messages import ReportingDegraded

if TYPE_CHECKING:
    from messages import Mailbox

log = logging.getLogger(__name__)

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


def tell_degraded(owner: Mailbox[ReportingDegraded], reason: str) -> None:
    """Tell ``owner`` of a crash whose actor is replaced."""
    log.error("%s", reason)
    reply(owner, ReportingDegraded(reason=reason))
