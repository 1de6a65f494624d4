"""Time, as the actors get it: a timer calls back once, and tests bring a clock of their own.

An actor with a thread of its own has a scheduler in its inbox.
"""

from collections.abc import Callable
from typing import Protocol


class Cancellable(Protocol):
    """A timer that can be called off."""

    def cancel(self) -> None:
        """Do not fire. Idempotent, also after it fired."""
        ...


class Scheduler(Protocol):
    """Calls back after a delay."""

    def after(self, delay: float, fire: Callable[[], None], /) -> Cancellable:
        """Call ``fire`` once, ``delay`` seconds from here, on any thread."""
        ...
