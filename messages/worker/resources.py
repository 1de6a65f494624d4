"""What the resources' actor takes, and what it tells."""

from dataclasses import dataclass
from typing import TypeAlias

from messages.events import ResourcesUsed
from messages.mailbox import Mailbox


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchProcess:
    """Tell every 10 seconds what the process ``pid`` and all that it has started use."""

    pid: int
    reply_to: Mailbox[ResourcesUsed]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWatching:
    """Tell no more."""


ResourcesMessage: TypeAlias = WatchProcess | StopWatching
