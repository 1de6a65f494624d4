"""What the terminal's actor takes."""

from dataclasses import dataclass
from typing import TypeAlias

from messages.mailbox import Mailbox
from messages.supervisor import ReportingSummary
from messages.worker.local_channel import TextsForwarded


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowLine:
    """A line of the worker's own, beside the run; not before the run's position ``after``."""

    text: str
    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowCountdown:
    """Below the lines, the seconds that are left until ``at`` on the monotonic clock."""

    text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSummary:
    """The run is over: show what there is to know of it.

    ``summary`` is None when nothing was reported; ``again`` says how the run is seen again. With
    ``earlier`` the run has an earlier part, which is not in the summary.
    """

    summary: ReportingSummary | None
    again: str | None = None
    earlier: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndShown:
    """The report of the training's end is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitEnd:
    """Answer with ``EndShown`` as soon as it is so."""

    reply_to: Mailbox[EndShown]


TerminalMessage: TypeAlias = TextsForwarded | ShowLine | ShowCountdown | ShowSummary | AwaitEnd
