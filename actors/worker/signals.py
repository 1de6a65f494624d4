"""Signals: what a worker is sent, from its first moment to its last. Main thread alone."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Final

from actors.worker.keeper import ENDING, Dispositions

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

EXIT_INTERRUPTED: Final = 128 + signal.SIGINT

_MANY: Final = 4096


class Signals:
    """Takes the signals that would end the worker; those that it was started to ignore it ignores.

    ``blocked`` were blocked when it was started; others may be until here. Ctrl-C ends the process
    at once until ``listen``, from where on every signal is told.
    """

    def __init__(self, blocked: Iterable[int]) -> None:
        self.dispositions = Dispositions.of_this_process(blocked)
        self._told, told = os.pipe()
        os.set_blocking(self._told, False)
        os.set_blocking(told, False)
        # Each signal writes its number there, also while the event loop is busy elsewhere.
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # who ignores it cannot wait for anybody
        for number in ENDING.difference(self.dispositions.ignored):
            signal.signal(number, _go_on)
        signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def listen(self, loop: asyncio.AbstractEventLoop, take: Callable[[int], None]) -> None:
        """Have ``take`` called on ``loop`` with each signal that comes, and those that have come.

        When the loop has ended they are passed over: the exit code stands.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _go_on)

        def read() -> None:
            for number in os.read(self._told, _MANY):
                take(number)

        loop.add_reader(self._told, read)


def _go_on(*_: object) -> None:
    """The signal's number is in the pipe."""
