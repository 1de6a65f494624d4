"""What the trainer's actor takes, and what it tells of its process."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from messages.events import EpochRead
from messages.mailbox import Mailbox


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputStore:
    """The run's folder, where the output is written as it comes, to be read again later.

    It takes ``limit`` bytes there at most, and leaves ``spare`` bytes of the disk free.
    """

    folder: Path
    limit: int = 512 * 1024**2
    spare: int = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerStarted:
    """The process runs. ``keeper`` is the process that keeps it; None when that is the worker."""

    pid: int
    keeper: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerNotStarted:
    """The command could not be started; ``cause`` and ``advice`` where those are known."""

    reason: str
    cause: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerOutput:
    """Lines of the process's output, without their ends, in order.

    ``changing`` is what it writes again and again below them, in its last state: up to ten lines,
    joined by line feeds. None when there is nothing of that. The lines end at the position
    ``until`` of the output, in bytes.
    """

    lines: tuple[str, ...]
    changing: str | None = None
    until: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerSignalled:
    """The signal ``name`` has been sent to all of the training."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerRefused:
    """The training was not signalled, and goes on."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerExited:
    """The process has ended; all of its output has been told.

    ``returncode`` is the exit code, or minus the number of the signal that ended it; None when
    nobody knows. ``checkpoints`` are the model's files that were written meanwhile, None when that
    is not known; ``out_of_memory`` says that the system has killed a process of the job because
    memory ran out. It was ``cancelled`` by a ``TerminateTrainer``, also of an earlier worker.
    ``left`` names processes that it has left behind.
    """

    returncode: int | None
    checkpoints: tuple[str, ...] | None = None
    out_of_memory: bool = False
    cancelled: bool = False
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerLeft:
    """The trainer's actor has ended and the training goes on; ``folder`` is its run's, if any."""

    pid: int
    folder: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerLogged:
    """The epochs that stand in the trainer's own log."""

    epochs: tuple[EpochRead, ...]


TrainerEvent: TypeAlias = (
    TrainerStarted
    | TrainerLogged
    | TrainerNotStarted
    | TrainerOutput
    | TrainerSignalled
    | TrainerRefused
    | TrainerExited
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTrainer:
    """Start ``command`` in a session of its own.

    With ``capture`` its output is told as ``TrainerOutput``, and written to ``store``; else it goes
    where the worker's own goes. The model's files are looked for in ``checkpoint_folders`` when the
    process has ended; others may train there at the same time, and report to another port than
    ``progress_port``.
    """

    command: tuple[str, ...]
    capture: bool
    reply_to: Mailbox[TrainerEvent]
    checkpoint_folders: tuple[Path, ...] = ()
    progress_port: int | None = None
    store: OutputStore | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptTrainer:
    """Go on with the training of ``store``, which began at ``since`` (seconds since the epoch).

    What it has written after the position ``after`` is told, and the epochs of its own log.
    One that has ended meanwhile is told like one that ends now.
    """

    store: OutputStore
    after: int
    since: float
    reply_to: Mailbox[TrainerEvent]
    checkpoint_folders: tuple[Path, ...] = ()
    progress_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateTrainer:
    """TERM to all of the training, KILL after ``grace`` seconds; again, and it is KILL at once."""

    grace: float = 15.0


TrainerMessage: TypeAlias = StartTrainer | AdoptTrainer | TerminateTrainer
