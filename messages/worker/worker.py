"""What the standalone worker's actor takes, and what it tells whoever runs it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from messages.events import TrainingReport
from messages.mailbox import Mailbox
from messages.supervisor import ReportingSummary, SupervisorMessage
from messages.worker.resources import ResourcesMessage
from messages.worker.trainer import TrainerMessage

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
class RunTraining:
    """Report one job and run its trainer; answered with ``TrainingEnded``.

    ``{control_port}`` and ``{progress_port}`` in ``command`` are filled in. With ``gui=False``
    nothing is reported and the trainer's output goes to stdout. With an empty ``command`` no
    trainer is started: one that runs already is waited for. ``grace`` is the time from TERM to
    KILL in seconds; ``epochs`` is their number where it is known, and ``models``
    are the kinds of models that are trained, in their order.
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
    grace: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTraining:
    """Ask the trainer to stop through the control socket and wait; twice too.

    Without reports there is no control socket, and the trainer is terminated.
    """

    by: str = TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTraining:
    """Terminate the trainer's process group: TERM, and KILL after the grace time; twice too."""

    by: str = TERMINAL


WorkerMessage: TypeAlias = RunTraining | StopTraining | CancelTraining
