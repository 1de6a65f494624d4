"""What the standalone worker's actor takes, and what it tells whoever runs it."""

from dataclasses import dataclass
from typing import TypeAlias

from messages.mailbox import Mailbox
from messages.supervisor import ReportingSummary, SupervisorMessage
from messages.trainer import TrainerMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEnded:
    """The run is over and all of it has been reported.

    ``exit_code`` is the trainer's (128 plus the signal's number when a signal ended it), or the
    worker's own when no trainer was started. ``summary`` is None when nothing was reported.
    """

    exit_code: int
    summary: ReportingSummary | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTraining:
    """Report one job and run its trainer; answered with ``TrainingEnded``.

    ``{control_port}`` and ``{progress_port}`` in ``command`` are filled in. With ``gui=False``
    nothing is reported and the trainer's output goes to stdout.
    """

    job_id: str
    command: tuple[str, ...]
    gui: bool
    supervisor: Mailbox[SupervisorMessage]
    trainer: Mailbox[TrainerMessage]
    reply_to: Mailbox[TrainingEnded]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTraining:
    """Ask the trainer to stop through the control socket and wait; again, and it is terminated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTraining:
    """Terminate the trainer's process group: TERM, and KILL after the grace time."""


WorkerMessage: TypeAlias = RunTraining | StopTraining | CancelTraining
