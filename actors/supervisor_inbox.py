"""What the supervisor is told besides its public messages: private to it and its helper objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from actors.client_roster import FromClient
from messages import (
    ChildDown,
    ClientStatus,
    ControlSocketClosed,
    ControlSocketFailed,
    ControlSocketOpened,
    JobEnded,
    ListeningFailed,
    ListeningStarted,
    ListeningStopped,
    ProgressCounts,
    ProgressSocketMade,
    ReportsFlushed,
    SupervisorMessage,
    TrainerConnected,
    TrainerDisconnected,
)

StepAnswer: TypeAlias = (
    ControlSocketOpened
    | ControlSocketFailed
    | ListeningStarted
    | ListeningFailed
    | JobEnded
    | ListeningStopped
    | ReportsFlushed
    | ControlSocketClosed
)

RestartAnswer: TypeAlias = (
    ControlSocketOpened | ControlSocketFailed | ListeningStarted | ListeningFailed
)


@dataclass(frozen=True, slots=True)
class Step:
    """An answer to the step that the supervisor was at in ``epoch``."""

    epoch: int
    answer: StepAnswer


@dataclass(frozen=True, slots=True)
class Restarted:
    """The answer of a child that replaces a crashed one."""

    answer: RestartAnswer


@dataclass(frozen=True, slots=True)
class ConnectWaitOver:
    """The connect wait that began in ``epoch`` is over."""

    epoch: int


@dataclass(frozen=True, slots=True)
class StepTimedOut:
    """The step of ``epoch`` has not been answered in time."""

    epoch: int


@dataclass(frozen=True, slots=True)
class ContextTerminated:
    """The context that was given up in ``epoch`` is terminated."""

    epoch: int


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
    | ChildDown
    | ProgressSocketMade
    | TrainerConnected
    | TrainerDisconnected
    | FromClient
    | Step
    | Restarted
    | ConnectWaitOver
    | StepTimedOut
    | ContextTerminated
    | SurveyAnswer
    | SurveyTimedOut
    | Shutdown
)
