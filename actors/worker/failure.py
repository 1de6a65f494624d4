"""Why a training failed, read from how it ended and from its output. Pure functions."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Final

from actors.worker.outputs import plain


@dataclass(frozen=True, slots=True)
class Failure:
    """``cause`` says why in words, ``advice`` in one line what to do; None where nothing shows."""

    cause: str | None = None
    advice: str | None = None


_MEMORY_ADVICE: Final = (
    "give the job more memory, or use fewer data loading workers, smaller images or no cache"
)

_RAISED: Final = r"^(?:[\w.]+\.)?"
"""The beginning of a traceback's last line: a warning may name an exception that was handled."""

# Each with what its output looks like; {} in the words is what the pattern's group has found.
_CAUSES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        r"CUDA out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED"
        r"|OOM when allocating|Resource exhausted: OOM|MPS backend out of memory",
        "the GPU ran out of memory",
        "use a smaller batch size or input scale, or end what else runs on this GPU (nvidia-smi)",
    ),
    (
        r"No space left on device|\[Errno 28\]|Disk quota exceeded|\[Errno 122\]",
        "no space is left on the disk",
        "free some space, or save the model elsewhere",
    ),
    (
        r"Address already in use|\[Errno 98\]|EADDRINUSE|\[Errno 48\]",
        "a port that the training needs is in use",
        "end the program that uses it, or start the worker with --any-port",
    ),
    (
        r"DefaultCPUAllocator: (?:can't|not enough)|Cannot allocate memory|\[Errno 12\]"
        r"|^MemoryError\b|numpy\S*MemoryError|DataLoader worker .* is killed by signal: Killed",
        "the machine ran out of memory",
        _MEMORY_ADVICE,
    ),
    (
        rf"{_RAISED}FileNotFoundError: (?:\[Errno 2\] )?(?:No such file or directory: )?(.+)",
        "a file is not there: {}",
        "check the paths in the configuration, as this machine sees them",
    ),
    (
        rf"{_RAISED}PermissionError: (?:\[Errno 13\] )?(?:Permission denied: )?(.+)",
        "permission is denied: {}",
        "check whose files they are, and where the training may write",
    ),
    (
        rf"{_RAISED}(?:ModuleNotFoundError|ImportError): (.+)",
        "something is not installed: {}",
        "start the worker in the environment that the training runs in",
    ),
    (
        r"CUDA error|CUDA driver|no NVIDIA driver|CUDA unknown error|device-side assert",
        "the GPU or its driver failed",
        "look at nvidia-smi; another training on this GPU may have crashed it",
    ),
)

_EXCEPTION: Final = re.compile(r"^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit)\b.*")


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
        return Failure("the system killed it: the machine was out of memory", _MEMORY_ADVICE)
    lines = tuple(map(plain, lines))
    for line in reversed(lines):
        for pattern, cause, advice in _CAUSES:
            match = re.search(pattern, line)
            if match is not None:
                return Failure(cause.format(*(group.strip() for group in match.groups())), advice)
    if (returncode is not None and -returncode in _SIGNALS) or returncode in _SHELLS:
        return _SIGNALS[-returncode if -returncode in _SIGNALS else returncode - 128]
    for line in reversed(lines):
        if _EXCEPTION.match(line):
            return Failure(line.strip())
    return Failure()


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
}

_SHELLS: Final = {128 + number for number in _SIGNALS}
"""How a shell says that its command was ended by a signal."""


def signal_name(number: int) -> str:
    """The name of a signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
