"""What the supervisor is told besides its public messages: private to it and its helper objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from actors.supervisor.children import FromChild
from actors.supervisor.clients import FromClient
from messages import (
    ClientStatus,
    ControlSocketClosed,
    ControlSocketFailed,
    ControlSocketOpened,
    JobEnded,
    ListeningFailed,
    ListeningStarted,
    ListeningStopped,
    ProgressCounts,
    ReportsFlushed,
    SupervisorMessage,
)


@dataclass(frozen=True, slots=True)
class ContextTerminated:
    """The ZeroMQ context is terminated."""


StepAnswer: TypeAlias = (
    ControlSocketOpened
    | ControlSocketFailed
    | ListeningStarted
    | ListeningFailed
    | JobEnded
    | ListeningStopped
    | ReportsFlushed
    | ControlSocketClosed
    | ContextTerminated
)

RestartAnswer: TypeAlias = (
    ControlSocketOpened | ControlSocketFailed | ListeningStarted | ListeningFailed
)


@dataclass(frozen=True, slots=True)
class Step:
    """An answer to the step ``number``."""

    number: int
    answer: StepAnswer


@dataclass(frozen=True, slots=True)
class Restarted:
    """The answer of a child that replaces a crashed one."""

    answer: RestartAnswer


@dataclass(frozen=True, slots=True)
class ReopenDue:
    """A child that could not bind its socket again is to try once more.

    ``serial`` is the child's actor, ``sockets`` the opening of the sockets that it belongs to.
    """

    child: str
    serial: int
    sockets: int


@dataclass(frozen=True, slots=True)
class StepTimedOut:
    """The step ``number`` has not been ended in time."""

    number: int


@dataclass(frozen=True, slots=True)
class SurveyAnswer:
    """An answer to the status survey ``number``."""

    number: int
    answer: ProgressCounts | ClientStatus


@dataclass(frozen=True, slots=True)
class SurveyTimedOut:
    """The status survey ``number`` is waited for no longer."""

    number: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Stop what is reported, end all children, then end; all within ``within`` seconds."""

    within: float


Inbox: TypeAlias = (
    SupervisorMessage
    | FromChild
    | FromClient
    | Step
    | Restarted
    | ReopenDue
    | StepTimedOut
    | SurveyAnswer
    | SurveyTimedOut
    | Shutdown
)
