"""Worker events: what the worker itself has to say of a run, beside the trainer's reports.

They stand in the run's log as notes. A client that asks for them gets them between the reports
(``messages.wire.EVENTS_PROTOCOL``).
"""

import enum
from dataclasses import dataclass, field
from typing import Final, TypeAlias

STOPPED: Final = "stopped"
"""The outcome of a training that was asked to stop and did so, before its last epoch."""


class RunState(enum.StrEnum):
    """Where a run stands, as far as the worker knows."""

    STARTING = "starting"
    """The sockets are being bound."""
    WAITING = "waiting"
    """The trainer runs, or is to come, and has not joined yet."""
    TRAINING = "training"
    """The trainer has joined."""
    STOPPING = "stopping"
    """The trainer has been asked to stop."""
    CANCELLING = "cancelling"
    """All of the training is being ended."""
    DELIVERING = "delivering"
    """The trainer has ended; a client is still given what is left."""
    ENDED = "ended"
    """The trainer has ended; ``TrainingReport`` says how."""


class ControlStep(enum.StrEnum):
    """The steps of a stop, a cancellation, or another command to the trainer."""

    HELD = "held"
    """It waits for the trainer to be ready."""
    SENT = "sent"
    """It has been published to the trainer."""
    REFUSED = "refused"
    """It goes nowhere."""
    TERMINATING = "terminating"
    """TERM has been sent to all of the training."""
    KILLING = "killing"
    """KILL has been sent to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTold:
    """What follows came at ``time``, in seconds since the epoch.

    The next report or event has the position ``position``, and each one after it the next number
    until another ``ClockTold``: so a client knows where it stands, also after a gap.
    """

    time: float
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """The run has come to ``state``; ``text`` says so in words.

    ``title`` is the training's command, ``epochs`` their number where it is known. ``models`` are
    the kinds of models that it trains, in their order, as far as they are known. A training that
    is cancelled gets KILL at ``kill_at``, in seconds since the epoch. With ``runs_already`` the
    trainer may have run before anybody listened: what comes first has waited.
    """

    state: RunState
    text: str
    title: str = ""
    epochs: int | None = None
    models: tuple[str, ...] = ()
    kill_at: float | None = None
    runs_already: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlTaken:
    """A ``command`` of ``by`` has come to ``step``.

    ``by`` is a client's id, ``terminal``, or the name of a signal.
    """

    command: str
    by: str
    step: ControlStep
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputWritten:
    """The trainer has written ``lines``.

    ``changing`` is what it writes again and again below them, as progress bars do it, in its last
    state: up to ten lines, joined by line feeds. None when there is nothing of that. The lines end
    at the position ``until`` of the output, in bytes.
    """

    lines: tuple[str, ...] = ()
    changing: str | None = None
    until: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuUse:
    """One GPU: its memory in bytes, and how busy it is in percent."""

    name: str
    memory: int
    memory_total: int
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcesUsed:
    """What the trainer's process tree uses: percent of one CPU core, bytes of memory, and GPUs.

    ``memory_total`` is the machine's, ``cores`` the number of its CPU cores.
    """

    percent: float
    memory: int
    memory_total: int
    cores: int
    processes: int
    gpus: tuple[GpuUse, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """How the training ended.

    ``outcome`` is a ``JobOutcome``'s value, or ``STOPPED``. ``exit_code`` is the process's, None
    when a signal ended it, which ``signal`` names, or when nobody knows. ``train_end`` says whether
    the trainer's last message came, ``last_epoch`` which epoch ended last (the first is 0),
    ``checkpoints`` which of its files were written during the run, ``left`` which processes it has
    left behind. Of a failure, ``cause`` says why in words and ``advice`` what to do, where the
    output shows it; ``last_lines`` are its last ones. ``text`` says all of it in one sentence.
    """

    outcome: str
    text: str
    exit_code: int | None = None
    signal: str | None = None
    train_end: bool = False
    checkpoints: tuple[str, ...] = ()
    cause: str | None = None
    advice: str | None = None
    last_lines: tuple[str, ...] = ()
    last_epoch: int | None = None
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptBegan:
    """The training is started once more in the same run, the time number ``number``.

    What follows is of this attempt, what came before of those that have ended.
    """

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerBegan:
    """Another worker, the process ``process``, goes on with the run.

    What came before it is what an earlier one has said.
    """

    process: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRead:
    """Epoch ``epoch`` (the first is 0) ended while nobody listened; the trainer's own log says so.

    A report of the same epoch, which may come before or after this, says more.
    """

    epoch: int
    train_loss: float | None = None
    val_loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningGiven:
    """Something is not as it should be, and the training goes on."""

    text: str


WorkerEvent: TypeAlias = (
    ClockTold
    | StateChanged
    | ControlTaken
    | OutputWritten
    | ResourcesUsed
    | WarningGiven
    | AttemptBegan
    | WorkerBegan
    | EpochRead
    | TrainingReport
)
