"""What the trainer's actor takes, and what it tells of its process."""

from dataclasses import dataclass
from typing import TypeAlias

from messages.mailbox import Mailbox


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerStarted:
    """The process runs."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerNotStarted:
    """The command could not be started."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerOutput:
    """Lines of the process's output, without their ends, in order."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerExited:
    """The process has ended, and its process group with it; all of its output has been told.

    ``returncode`` is the exit code, or minus the number of the signal that ended it.
    """

    returncode: int


TrainerEvent: TypeAlias = TrainerStarted | TrainerNotStarted | TrainerOutput | TrainerExited


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTrainer:
    """Start ``command`` in a process group of its own.

    With ``capture`` its output is told as ``TrainerOutput``; else it goes where the worker's own
    goes.
    """

    command: tuple[str, ...]
    capture: bool
    reply_to: Mailbox[TrainerEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateTrainer:
    """TERM to the process group, KILL after the grace time; again, and it is KILL at once."""


TrainerMessage: TypeAlias = StartTrainer | TerminateTrainer
