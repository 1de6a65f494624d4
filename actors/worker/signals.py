"""Signals: what a worker is sent, from its first moment to its last. Main thread alone.

Python handles a signal on the stack of whatever it interrupts, one handler on top of the other: of
several that come at once, five are more than the alternative stack of a thread holds, and the
process ends by SIGSEGV. So nothing is interrupted here: every thread blocks them, and one waits.

SIGQUIT asks the worker to end at once, and to leave its training alone: the one who waits does
that by itself, whatever the others are at.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from actors.worker.keeper import ENDING, Dispositions

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

EXIT_INTERRUPTED: Final = 128 + signal.SIGINT
"""The worker's exit code when it is interrupted before the training, or leaves one to itself."""

EXIT_LEFT: Final = 128 + signal.SIGQUIT
"""The same when SIGQUIT has ended it."""


class Signals:
    """Takes the signals that would end the worker; those that it was started to ignore it ignores.

    ``blocked`` were blocked when it was started; others may be until here. Ctrl-C ends the process
    at once until ``block``, from where on every signal waits for ``listen``.
    """

    def __init__(self, blocked: Iterable[int]) -> None:
        self.dispositions = Dispositions.of_this_process(blocked)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # who ignores it cannot wait for anybody
        ending = ENDING.difference(self.dispositions.ignored)
        quitting = {signal.SIGQUIT}.difference(self.dispositions.ignored)
        self._taken = frozenset({*ending, signal.SIGINT, signal.SIGTERM, *quitting})
        signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))
        signal.pthread_sigmask(signal.SIG_SETMASK, {*blocked, *ending})

    def block(self) -> None:
        """Have them wait for ``listen``; before any thread is started, which inherits that."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._taken)

    def listen(
        self,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[int], None],
        leave: Callable[[], None],
    ) -> None:
        """Have ``take`` called on ``loop`` with each signal that comes, and those that have come.

        When the loop has ended they are passed over: the exit code stands. At SIGQUIT ``leave`` is
        called on another thread, and the process ends as soon as that returns.
        """

        def wait() -> None:
            while (number := signal.sigwait(self._taken)) != signal.SIGQUIT:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(take, number)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})  # another one ends it at once
            try:
                leave()
            finally:
                os._exit(EXIT_LEFT)  # as process 1 no signal would end it

        threading.Thread(target=wait, name="signals", daemon=True).start()
