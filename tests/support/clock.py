"""A scheduler whose time a test advances by hand."""

import threading
from collections.abc import Callable


class _Timer:
    def __init__(self, due: float, fire: Callable[[], None]) -> None:
        self.due, self.fire, self.cancelled = due, fire, False

    def cancel(self) -> None:
        self.cancelled = True


class ManualScheduler:
    """Fires timers in ``advance``, on the caller's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timers: list[_Timer] = []
        self.now = 0.0

    def after(self, delay: float, fire: Callable[[], None], /) -> _Timer:
        with self._lock:
            timer = _Timer(self.now + delay, fire)
            self._timers.append(timer)
            return timer

    @property
    def count(self) -> int:
        """How many timers there are."""
        with self._lock:
            return len(self._timers)

    def waiting(self, delay: float) -> bool:
        """Whether a timer is due ``delay`` seconds from here."""
        with self._lock:
            return any(abs(timer.due - self.now - delay) < 1e-9 for timer in self._timers)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        with self._lock:
            self.now += seconds
            due = [timer for timer in self._timers if timer.due <= self.now + 1e-9]
            self._timers = [timer for timer in self._timers if timer not in due]
        for timer in sorted(due, key=lambda timer: timer.due):
            if not timer.cancelled:
                timer.fire()
