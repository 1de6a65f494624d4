"""Time, as the actors get it: a timer calls back once, and tests bring a clock of their own."""

import threading
from collections.abc import Callable
from typing import Protocol


class Cancellable(Protocol):
    """A timer that can be called off."""

    def cancel(self) -> None:
        """Do not fire; may be called twice, and after it fired."""
        ...


class Scheduler(Protocol):
    """Calls back after a delay."""

    def after(self, delay: float, fire: Callable[[], None], /) -> Cancellable:
        """Call ``fire`` once, ``delay`` seconds from here, on any thread."""
        ...


class ThreadScheduler:
    """Each timer is a daemon thread, so that it fires also while the event loop is stuck."""

    def after(self, delay: float, fire: Callable[[], None], /) -> Cancellable:
        """See ``Scheduler``."""
        timer = threading.Timer(delay, fire)
        timer.name = "reporter-timer"
        timer.daemon = True
        timer.start()
        return timer
