"""What the supervisor takes besides its public messages: private to it and its helper objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from messages import (
    ChannelClosed,
    ChannelLost,
    ChildDown,
    ListeningFailed,
    ProgressSocketMade,
    SupervisorMessage,
    TrainEndReceived,
    TrainerConnected,
    TrainerDisconnected,
)

if TYPE_CHECKING:
    from actors.supervisor.children import Child
    from actors.supervisor.clients import Attachment

ChildEvent: TypeAlias = (
    ChildDown
    | TrainerConnected
    | TrainerDisconnected
    | ProgressSocketMade
    | ListeningFailed
    | TrainEndReceived
)
"""What the sockets' actors tell by themselves."""

ClientEvent: TypeAlias = ChildDown | ChannelClosed | ChannelLost
"""What a client's actor tells by itself."""


@dataclass(frozen=True, slots=True)
class FromChild:
    """What the actor of ``child`` has told its parent; it may have been replaced meanwhile."""

    child: Child
    event: ChildEvent


@dataclass(frozen=True, slots=True)
class FromClient:
    """What a client's actor has told its parent; it may have been replaced meanwhile."""

    attachment: Attachment
    event: ClientEvent


class Asker(Protocol):
    """Who has asked for an answer, and may have gone on without it."""

    def answered(self, answer: Any, /) -> None:
        """Take ``answer``, on the supervisor's thread."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer for ``asker``."""

    asker: Asker
    answer: Any


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Stop what is reported, end all children, then end; all within ``timeout`` seconds."""

    timeout: float


Inbox: TypeAlias = SupervisorMessage | FromChild | FromClient | Answered | Shutdown
