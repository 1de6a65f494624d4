"""What the progress listener's actor takes and answers.

A report's *position* counts from 1 and goes on from job to job; position 0 is before the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from messages.peer import KnowTrainer, Peer

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    import zmq

    from messages.mailbox import Mailbox


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressSocketMade:
    """Told to the listener's parent: ``close`` has its socket closed, on the socket's own thread.

    It may be called at any time and from any thread, also when the event loop is stuck.
    """

    close: Callable[[], Future[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningStarted:
    """The SUB socket is bound to ``address`` and its polling task runs.

    ``conflict`` says why it is another port than the one that was asked for.
    """

    address: str
    conflict: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningFailed:
    """Progress is not listened to, and nothing is left open.

    The SUB socket could not be bound, or the polling task was cancelled from outside.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressCounts:
    """The job's counts so far: what came over the socket, and nothing else.

    ``job`` is the position after which the job begins, ``last`` that of the log's last entry.
    """

    received: int = 0
    undecodable: int = 0
    last: int = 0
    job: int = field(default=0, compare=False)
    train_end: bool = field(default=False, compare=False)
    """Whether the trainer's last message has come."""
    last_epoch: int | None = field(default=None, compare=False)
    """The number of the epoch that has ended last; the first is 0."""

    @property
    def reports(self) -> int:
        """How many reports the job has."""
        return self.received - self.undecodable


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningStopped:
    """What was coming has been received, the polling task is cancelled and the socket closed."""

    counts: ProgressCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded:
    """All that the job's trainer sent is in the log; the socket goes on listening."""

    counts: ProgressCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainEndReceived:
    """Told to the listener's parent: the trainer has sent the last message of its training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressPage:
    """Reports in order, without a gap among them.

    The report ``messages[i]`` has the position ``last - len(messages) + 1 + i``. ``missed`` counts
    the reports between the requested position and the first of the page that have left the bounded
    log. ``ended`` says that ``last`` is the last report of a job that is over. ``messages[i]`` came
    at ``times[i]`` (seconds since the epoch), and is a worker event if ``i`` is in ``notes``. Those
    in ``added`` have not come over the socket and count in no job. All others are of the job that
    begins after the position ``job``, of which ``reports`` have come up to ``last``.
    """

    messages: tuple[str, ...]
    last: int
    missed: int
    ended: bool
    notes: tuple[int, ...] = ()
    added: tuple[int, ...] = field(default=(), compare=False)
    job: int = field(default=0, compare=False)
    reports: int = field(default=0, compare=False)
    times: tuple[float, ...] = field(default=(), compare=False)
    behind: int = field(default=0, compare=False)
    """How much there is after ``last`` already."""

    def reports_before(self, index: int) -> int:
        """How many of the job's reports have come before ``messages[index]``."""
        others = sum(other >= index for other in (*self.notes, *self.added))
        return self.reports - (len(self.messages) - index - others)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """An entry of the run's log: a report of the trainer, or with ``note`` a worker event.

    The text of an event is that of ``messages.event_codec.encode_event``. ``time`` is when it came,
    in seconds since the epoch; None stands for the moment at which it is added.
    """

    text: str
    note: bool = False
    time: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToLog:
    """Add ``entries`` to the run's log, between the trainer's reports; legal at any time.

    They count in no job's summary. Answered with ``AddedToLog`` when they are in.
    """

    entries: tuple[LogEntry, ...]
    reply_to: Mailbox[AddedToLog] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedToLog:
    """The entries are in the log; ``last`` is the position of the last one.

    ``reason`` says why none was added, and is None otherwise.
    """

    last: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartListening:
    """Make a SUB socket in ``context``, bind it to ``address``, subscribe to all and poll it.

    A job begins in the log; with ``goes_on`` one that has begun there and not ended goes on. An
    address that is in use is a failure, unless ``free_port_if_in_use`` asks for another port. With
    ``hold`` what comes waits for ``AcceptReports``; when listening ends before that, it is dropped.
    ``trainers`` are those of the ``KnowTrainer`` that have been told before.
    """

    context: zmq.Context[zmq.Socket[bytes]]
    address: str
    reply_to: Mailbox[ListeningStarted | ListeningFailed]
    free_port_if_in_use: bool = False
    goes_on: bool = False
    hold: bool = False
    trainers: frozenset[int | None] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptReports:
    """What has been held since ``StartListening(hold=True)`` is the job's, and what comes too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeersFound:
    """Who is connected to the SUB socket, and has completed its handshake.

    If no trainer has been started yet, ``strangers`` are those of another tree, and those that the
    system does not name if the host has told a trainer: one that has told nothing may have started
    its trainer already, where it cannot be seen.
    """

    peers: tuple[Peer, ...] = ()
    strangers: tuple[Peer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindPeers:
    """Answered with ``PeersFound``; to look up who it is takes milliseconds."""

    reply_to: Mailbox[PeersFound]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProgress:
    """Answered with one ``ProgressPage`` of what comes after the position ``after``.

    The page holds ``limit`` messages at most; it comes at once, or as soon as there is something to
    read, or when the job ends. With ``after=None`` it comes at once and is empty: its ``last`` is
    the position after which the job begins, or that of the last entry while there is no job.
    """

    after: int | None
    limit: int
    reply_to: Mailbox[ProgressPage]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReading:
    """Forget the ``ReadProgress`` of this ``reply_to`` that is not answered yet."""

    reply_to: Mailbox[ProgressPage]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndJob:
    """Receive what the job's trainer has still sent, then begin the next job in the log.

    That takes ``timeout`` seconds at most; with 0 the next job begins at once.
    """

    reply_to: Mailbox[JobEnded]
    timeout: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CountProgress:
    """Answered with the job's ``ProgressCounts``."""

    reply_to: Mailbox[ProgressCounts]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopListening:
    """Receive what is still coming, then cancel the task and close the socket.

    The job ends in the log, whose reports can still be read. Receiving takes ``timeout`` seconds at
    most. Idempotent.
    """

    reply_to: Mailbox[ListeningStopped]
    timeout: float = 5.0


ProgressListenerMessage: TypeAlias = (
    StartListening
    | AcceptReports
    | FindPeers
    | KnowTrainer
    | ReadProgress
    | StopReading
    | AddToLog
    | EndJob
    | CountProgress
    | StopListening
)
