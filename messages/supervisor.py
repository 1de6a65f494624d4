"""What the supervisor takes, what it answers, and what it tells its owner.

A request that is answered carries ``reply_to``, and is answered there.
"""

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

from messages.client_channel import ClientStatus, DataChannel
from messages.control_socket import ControlReply, ForgetStop
from messages.mailbox import Mailbox
from messages.peer import KnowTrainer, Peer, StrangerConnected
from messages.progress_listener import AddToLog


class JobOutcome(enum.Enum):
    """How a training ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Phase(enum.StrEnum):
    """Where the supervisor stands."""

    IDLE = "IDLE"
    """No job is reported."""
    BINDING = "BINDING"
    """The two sockets are being bound."""
    CONNECTING = "CONNECTING"
    """Both sockets are bound; the connect wait runs."""
    REPORTING = "REPORTING"
    """``ReportingReady`` has been told."""
    SWITCHING = "SWITCHING"
    """The reports of one job are being delivered; the next job takes over the sockets."""
    STOPPING = "STOPPING"
    """What is left is delivered, or dropped if it is a stranger's; then everything is closed."""
    BYPASSED = "BYPASSED"
    """A job without GUI: no context, no socket, no task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingSummary:
    """The outcome of one job's reports.

    ``received`` counts every message that came from the trainer, ``undecodable`` those of them
    that are not one non-empty UTF-8 text and so could not be forwarded. ``forwarded`` and
    ``failed`` are summed over the clients that are counted: reports handed to a client's channel,
    and reports that an attached client could not be given. With one such client attached from start
    to end, ``received == forwarded + failed + undecodable``. What a slow client could not be given
    before a ``SwitchJob`` has failed; it may reach the client later. ``train_end`` says whether the
    trainer's last message came, ``last_epoch`` is the number of the epoch that ended last (the
    first is 0). Without ``is_complete`` the counts are not known: the event loop did not answer.
    """

    received: int = 0
    forwarded: int = 0
    failed: int = 0
    undecodable: int = 0
    train_end: bool = field(default=False, compare=False)
    last_epoch: int | None = field(default=None, compare=False)
    is_complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingReady:
    """The sockets are bound to these addresses and the connect wait is over: start the trainer.

    The address of a socket that the settings do not ask for is empty. ``conflicts`` says why an
    address is not the one of the settings, where a free port was to be taken instead. ``peers``
    have joined the progress address by then: they have run before the trainer is started.
    """

    job_id: str
    control_address: str
    progress_address: str
    conflicts: tuple[str, ...] = ()
    peers: tuple[Peer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingBypassed:
    """The job runs without reporting, since it was started with ``gui=False``."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingFailed:
    """A request is refused and changes nothing, or reporting could not begin or had to end.

    In the latter case everything that was opened is closed.

    ``reason`` is human-readable: what failed, at which address, and what to do. ``strangers`` are
    those because of whom it did not begin: see ``KnowTrainer``.
    """

    job_id: str
    reason: str
    strangers: tuple[Peer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingStopped:
    """The job's reports are delivered, and all is closed unless a next job goes on with it."""

    job_id: str
    outcome: JobOutcome
    summary: ReportingSummary


StartAnswer: TypeAlias = ReportingReady | ReportingBypassed | ReportingFailed
StopAnswer: TypeAlias = ReportingStopped | ReportingFailed
SwitchAnswer: TypeAlias = ReportingStopped | StartAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReporting:
    """Report the job ``job_id``; with ``gui=False`` nothing of ZeroMQ is made."""

    job_id: str
    gui: bool
    reply_to: Mailbox[StartAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReporting:
    """End the report of ``job_id``: deliver what is left, then close everything."""

    job_id: str
    outcome: JobOutcome
    reply_to: Mailbox[StopAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchJob:
    """End the report of ``job_id`` and begin that of ``next_job_id`` on the same sockets.

    Tell it when the trainer of ``job_id`` has exited and before the next one starts. Answered with
    ``ReportingStopped`` for the one and ``ReportingReady`` for the other. Delivering what is left
    of ``job_id`` takes ``drain_timeout`` seconds at most; None means that of the settings.
    """

    job_id: str
    outcome: JobOutcome
    next_job_id: str
    reply_to: Mailbox[SwitchAnswer]
    drain_timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachClient:
    """Forward reports to ``channel`` and take the client's texts from it; legal at any time.

    A ``client_id`` that is attached gets its channel replaced; one that was attached before goes
    on after the last report that its former channel took; a new one begins with the first report
    of the job that is reported. A client that knows its position says so: with ``after`` it gets
    what comes after that position in any case.

    With ``accept_control=False`` the client's control texts are not published but told to the owner
    like any other text. With ``accept_texts=False`` it may only watch: nobody listens to what it
    sends. Of the others, a text is dropped, with a warning, when its client sends more than
    100 texts or 1 MiB a second for long.

    What is forwarded to a client with ``is_counted=False`` is in no job's summary: for what the
    owner itself keeps of a run, in-process, which nobody watches.
    """

    channel: DataChannel
    client_id: str
    accept_control: bool = True
    after: int | None = None
    accept_texts: bool = True
    is_counted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDetached:
    """The client's channel is released: it is given nothing more."""

    client_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachClient:
    """Release the client's channel, which itself is left open; answered when that is done.

    A client that is not attached is answered at once.
    """

    client_id: str
    reply_to: Mailbox[ClientDetached] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendControl:
    """Publish ``command`` to the trainer: the worker's own stop, without a client."""

    command: str
    reply_to: Mailbox[ControlReply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The addresses that the two sockets are bound to; empty for one that was not asked for."""

    control: str
    progress: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReporterStatus:
    """How reporting stands. ``addresses`` is None while nothing is bound; counts are the job's.

    Without ``is_complete`` counts or clients are not known: the event loop did not answer.
    """

    phase: Phase
    job_id: str | None = None
    addresses: Addresses | None = None
    trainer_connected: bool = False
    received: int = 0
    clients: tuple[ClientStatus, ...] = ()
    undecodable: int = 0
    is_complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStatus:
    """Answered with a ``ReporterStatus``, within a second even when the event loop is stuck."""

    reply_to: Mailbox[ReporterStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildDown:
    """An actor has released what it owned and is gone; told to its parent.

    ``child`` is its name. ``reason`` is None after an orderly stop, else why it ended.
    """

    child: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerConnected:
    """A trainer has joined the control socket.

    ``pid`` is its process, None where the system does not tell.
    """

    pid: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerDisconnected:
    """The last connection of the trainer to the control socket is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMessageReceived:
    """A client has sent ``text``, which has not been published to the trainer."""

    client_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientGone:
    """The client's channel is closed; under the same id it may attach again."""

    client_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingDegraded:
    """A part of the reporter failed and is being replaced; reporting goes on."""

    reason: str


OwnerEvent: TypeAlias = (
    TrainerConnected
    | TrainerDisconnected
    | ClientMessageReceived
    | ClientGone
    | ReportingDegraded
    | ReportingFailed
    | StrangerConnected
)

SupervisorMessage: TypeAlias = (
    StartReporting
    | StopReporting
    | SwitchJob
    | AttachClient
    | DetachClient
    | SendControl
    | ForgetStop
    | KnowTrainer
    | AddToLog
    | GetStatus
)
