"""What the standalone worker's actor takes, and what it tells whoever runs it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from messages.events import TrainingReport
from messages.mailbox import Mailbox
from messages.supervisor import ReportingReady, ReportingSummary, SupervisorMessage
from messages.worker.resources import ResourcesMessage
from messages.worker.trainer import OutputStore, TrainerMessage

TERMINAL = "terminal"
"""Who it is that asks from the worker's own terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEnded:
    """The run is over and all of it has been reported.

    ``exit_code`` is the trainer's (128 plus the signal's number when a signal ended it), or the
    worker's own when no trainer was started. ``summary`` is None when nothing was reported.
    """

    exit_code: int
    summary: ReportingSummary | None
    report: TrainingReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierPart:
    """What is known of a run that goes on.

    It began at ``since`` (seconds since the epoch), has told its output up to the position
    ``until``, of which ``lines`` are the last ones, and the epoch ``last_epoch``; ``train_end``
    says whether the trainer's last message has come, ``has_ended`` whether its end is known.
    """

    since: float
    until: int = 0
    lines: tuple[str, ...] = ()
    last_epoch: int | None = None
    train_end: bool = False
    has_ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOver:
    """The training is over, or has never ``begun``; what is left is delivered from here on."""

    begun: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTraining:
    """Report one job and run its trainer; answered with ``TrainingEnded``.

    ``{control_port}`` and ``{progress_port}`` in ``command`` are filled in. With ``gui=False``
    nothing is reported and the trainer's output goes to stdout. With an empty ``command`` no
    trainer is started: one that runs already is waited for. ``grace`` is the time from TERM to
    KILL in seconds; ``epochs`` is their number where it is known, and ``models`` are the kinds of
    models that are trained, in their order. In ``checkpoint_folders`` checkpoints are looked for;
    with ``saves_model`` it is known that the trainer writes them there. ``store`` is where the
    output is kept. With ``adopted`` the training of ``store`` goes on, which another worker has
    started. ``attempt`` counts the starts of the same run; ``ready`` is told the addresses, and
    ``over`` that the training is over. ``refusal`` says why it is not to be started, and what can
    be done instead. Clients are given what is left for ``drain_timeout`` seconds at most.
    """

    job_id: str
    command: tuple[str, ...]
    gui: bool
    supervisor: Mailbox[SupervisorMessage]
    trainer: Mailbox[TrainerMessage]
    reply_to: Mailbox[TrainingEnded]
    resources: Mailbox[ResourcesMessage] | None = None
    title: str = ""
    epochs: int | None = None
    models: tuple[str, ...] = ()
    checkpoint_folders: tuple[Path, ...] = ()
    saves_model: bool = False
    grace: float = 15.0
    store: OutputStore | None = None
    adopted: EarlierPart | None = None
    attempt: int = 1
    ready: Mailbox[ReportingReady] | None = None
    over: Mailbox[TrainingOver] | None = None
    refusal: tuple[str, str] | None = None
    drain_timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTraining:
    """Ask the trainer to stop through the control socket and wait; twice too.

    Without reports there is no control socket, and the trainer is terminated.
    """

    by: str = TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTraining:
    """End all of the training: TERM, and KILL after the grace time; twice too."""

    by: str = TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReceived:
    """The worker has been sent the signal ``name``, which ends nothing."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsNotKnown:
    """Several reports of the trainer have come, and none has an event that is known."""


WorkerMessage: TypeAlias = (
    RunTraining | StopTraining | CancelTraining | SignalReceived | ReportsNotKnown
)
