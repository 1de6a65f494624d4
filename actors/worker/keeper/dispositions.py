"""Which signals would end a process, and how a process was started with regard to them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

_BY_PYTHON: Final = ("SIGPIPE", "SIGXFZ", "SIGXFSZ")
"""Python ignores them from its first moment on: nobody can tell how they were before."""

_OF_NO_CONSEQUENCE: Final = ("SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGINFO")
_STOPPING: Final = ("SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU")
_OF_ITS_OWN_FAULT: Final = (
    *("SIGABRT", "SIGBUS", "SIGEMT", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP"),
)
"""A process that has such a fault cannot go on."""

_ORDERS: Final = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGKILL")
"""With these, somebody asks the worker for something."""


def _numbers(*names: str) -> set[int]:
    return {int(getattr(signal, name)) for name in names if hasattr(signal, name)}


ENDING: Final = frozenset(map(int, signal.valid_signals())) - _numbers(
    *_BY_PYTHON, *_OF_NO_CONSEQUENCE, *_STOPPING, *_OF_ITS_OWN_FAULT, *_ORDERS
)
"""Signals that end a process which does nothing about them, and that order nothing."""


class Dispositions(NamedTuple):
    """The numbers of the signals that a process ignores, and of those that it blocks."""

    ignored: tuple[int, ...] = ()
    blocked: tuple[int, ...] = ()

    @classmethod
    def of_this_process(cls, blocked: Iterable[int]) -> Self:
        """As it was started, if it ignores what it ignored then, and blocked ``blocked``."""
        known = set(map(int, signal.valid_signals())) - _numbers(*_BY_PYTHON)
        ignored = (number for number in known if signal.getsignal(number) is signal.SIG_IGN)
        return cls(tuple(sorted(ignored)), tuple(sorted(map(int, blocked))))


def name_of(number: int) -> str:
    """The name of a signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        first, last = signal.SIGRTMIN, signal.SIGRTMAX
        return f"SIGRTMIN+{number - first}" if first < number < last else f"signal {number}"


def number_of(name: str) -> int:
    """The number of the signal ``name``, with or without SIG. Raises ValueError."""
    name = name.upper().removeprefix("SIG")
    base, plus, offset = name.partition("+")
    number = int(name) if name.isdecimal() else int(signal.Signals[f"SIG{base}"]) + int(offset or 0)
    if number not in signal.valid_signals() or (plus and base != "RTMIN"):
        raise ValueError(name)
    return number
