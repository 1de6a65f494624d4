"""What the trainer's actor takes, and what it tells of its process."""

from dataclasses import dataclass
from pathlib import Path
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
    """Lines of the process's output, without their ends, in order.

    ``changing`` is what it writes again and again below them, in its last state: up to ten lines,
    joined by line feeds. None when there is nothing of that.
    """

    lines: tuple[str, ...]
    changing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerSignalled:
    """The signal ``name`` has been sent to the process group."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerExited:
    """The process has ended, and its process group with it; all of its output has been told.

    ``returncode`` is the exit code, or minus the number of the signal that ended it.
    ``checkpoints`` are the model's files that were written meanwhile, None if none were looked for;
    ``out_of_memory`` says that the system has killed a process of the job because memory ran out.
    """

    returncode: int
    checkpoints: tuple[str, ...] | None = None
    out_of_memory: bool = False


TrainerEvent: TypeAlias = (
    TrainerStarted | TrainerNotStarted | TrainerOutput | TrainerSignalled | TrainerExited
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTrainer:
    """Start ``command`` in a process group of its own.

    With ``capture`` its output is told as ``TrainerOutput``; else it goes where the worker's own
    goes. The model's files are looked for in ``checkpoint_folders`` when the process has ended.
    """

    command: tuple[str, ...]
    capture: bool
    reply_to: Mailbox[TrainerEvent]
    checkpoint_folders: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateTrainer:
    """TERM to the process group, KILL after ``grace`` seconds; again, and it is KILL at once."""

    grace: float = 5.0


TrainerMessage: TypeAlias = StartTrainer | TerminateTrainer
