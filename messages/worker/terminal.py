"""What the terminal's actor takes."""

from dataclasses import dataclass
from typing import TypeAlias

from messages.supervisor import ReportingSummary
from messages.worker.local_channel import TextsForwarded


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowLine:
    """A line of the worker's own, beside the run."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSummary:
    """The tables at the end; ``summary`` is None when nothing was reported."""

    summary: ReportingSummary | None


TerminalMessage: TypeAlias = TextsForwarded | ShowLine | ShowSummary
