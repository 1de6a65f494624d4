"""Why a training failed, read from how it ended and from its output. Pure functions."""

from __future__ import annotations

import signal
from typing import Final

from actors.worker.causes import (
    MEMORY_ADVICE,
    Failure,
    bare,
    cause_in,
    exception_in,
    own_lines,
    signal_of_child,
)


def explain(
    returncode: int | None, lines: tuple[str, ...], *, out_of_memory: bool = False
) -> Failure:
    """Why a process that ended with ``returncode`` (minus a signal's number) failed.

    ``lines`` are its last ones; ``out_of_memory`` says that the system has killed a process of it
    because memory ran out.
    """
    if returncode == 0:
        return Failure()
    if out_of_memory:
        return Failure("the system killed it: the machine was out of memory", MEMORY_ADVICE)
    texts = bare(lines)
    own = own_lines(texts)
    shown = cause_in(own)
    if shown is not None:
        return shown
    number = signal_of_child(texts) or _signal_of(returncode)
    if number in _SIGNALS:
        return _SIGNALS[number]
    return Failure(exception_in(own))


def explain_no_start(reason: str) -> Failure:
    """What to do when a command could not be started, for ``reason``."""
    if "the address is in use" in reason:
        return Failure(advice="--any-port takes a free port in its place, and tells the trainer")
    return Failure()


def _signal_of(returncode: int | None) -> int:
    """The signal that ended a process, also as a shell says it of its command."""
    return 0 if returncode is None else -returncode if returncode < 0 else returncode - 128


_SIGNALS: Final = {
    int(signal.SIGKILL): Failure(
        "somebody, or the system because memory ran out, has killed it",
        "look into the system's log (dmesg) or the job's accounting for an out-of-memory kill",
    ),
    int(signal.SIGSEGV): Failure(
        "it crashed in native code", "check that its libraries fit each other and the GPU's driver"
    ),
    int(signal.SIGBUS): Failure(
        "it crashed in native code",
        "shared memory may be too small: use fewer data loading workers",
    ),
    int(signal.SIGTERM): Failure("it was told to end, for example by the cluster's scheduler"),
    int(signal.SIGXCPU): Failure(
        "its limit of CPU time was reached", "ask for more of it, or raise the limit (ulimit -t)"
    ),
    **{
        int(number): Failure(
            f"it was sent {number.name}, as by the cluster's scheduler, and does not handle it",
            "have it sent to the worker alone: --signal=B:INT@1800 in SLURM's job script",
        )
        for number in (signal.SIGUSR1, signal.SIGUSR2)
    },
}
