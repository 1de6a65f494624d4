"""What a client channel's actor takes and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from messages.progress_listener import ProgressPage

if TYPE_CHECKING:
    from collections.abc import Callable

    from messages.control_socket import PublishControl
    from messages.mailbox import Mailbox
    from messages.progress_listener import ProgressCounts, ReadProgress, StopReading


class DataChannel(Protocol):
    """Carries text to a client and back; an aiortc ``RTCDataChannel`` fits.

    An object that has ``send`` alone is taken too: it always has room, and announces nothing. All
    of it is used on the event loop's thread alone. The events are ``message`` (the text),
    ``open``, ``close`` and ``bufferedamountlow``.
    """

    bufferedAmountLowThreshold: int
    """Bytes; ``bufferedamountlow`` fires when ``bufferedAmount`` falls to it."""

    @property
    def readyState(self) -> str:
        """``connecting``, ``open``, ``closing`` or ``closed``."""
        ...

    @property
    def bufferedAmount(self) -> int:
        """Bytes that were sent and have not left yet."""
        ...

    def send(self, data: str, /) -> object:
        """Queue ``data``; raises when the channel is not open or ``data`` is too large for it.

        What it returns is not awaited: a client whose channel wants that is gone.
        """
        ...

    def on(self, event: str, f: Callable[..., Any], /) -> object:
        """Call ``f`` at each ``event``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStatus:
    """How far a client came, and how it fared.

    ``channel_state`` is the channel's ``readyState``, ``position`` that of the last report that
    the client was given or that failed; ``missed`` counts the reports that left the bounded log
    before it took them. The counts are those of the job that begins after the position ``job``: of
    its first ``counted`` reports each is in one of them, but for those that it was not to be given.
    """

    client_id: str
    channel_state: str
    position: int
    forwarded: int
    failed: int
    missed: int
    job: int = field(default=0, compare=False)
    counted: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelClosed:
    """The channel is released, and the client's actor has ended.

    ``waiting`` reports that are in no count wait for a channel that has closed: they have failed,
    unless the client comes back and is given them.
    """

    status: ClientStatus
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLost:
    """The attached ``channel`` is closed, or will never take a text.

    With ``reports_wait`` there is nothing to keep the client's actor for: reports wait for a
    channel that has closed, or it cannot be used at all. That may be told several times.
    """

    channel: DataChannel
    reports_wait: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsFlushed:
    """The client was given all of a job that it can be given; the counts are that job's."""

    status: ClientStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachChannel:
    """Use ``channel`` from now on, in place of a former one.

    The client goes on after what that took, or after the position ``after``.
    """

    channel: DataChannel
    accept_control: bool = True
    after: int | None = None
    accept_texts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowRun:
    """Read reports from ``listener`` and publish the client's control through ``control``."""

    listener: Mailbox[ReadProgress | StopReading]
    control: Mailbox[PublishControl]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushReports:
    """Answered when the channel took all of the job of ``counts``, and nothing waits in it.

    The answer comes at once when the channel is not open, and after ``timeout`` seconds in any
    case: what the client could not be given of the job has failed.
    """

    counts: ProgressCounts
    timeout: float
    reply_to: Mailbox[ReportsFlushed]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountReports:
    """Answered with a ``ClientStatus``."""

    reply_to: Mailbox[ClientStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseChannel:
    """Release the channel and end; answered with ``ChannelClosed``."""

    reply_to: Mailbox[ChannelClosed]


ClientChannelMessage: TypeAlias = (
    AttachChannel | FollowRun | ProgressPage | FlushReports | CountReports | CloseChannel
)
