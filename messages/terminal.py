"""What the terminal's actor takes."""

from dataclasses import dataclass
from typing import TypeAlias

from messages.supervisor import ReportingSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowState:
    """A line that says where the run stands."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOutput:
    """Lines of the trainer's output."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowReport:
    """The client has received the trainer's ``message``."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSummary:
    """The tables at the end; ``summary`` is None when nothing was reported."""

    summary: ReportingSummary | None


TerminalMessage: TypeAlias = ShowState | ShowOutput | ShowReport | ShowSummary
