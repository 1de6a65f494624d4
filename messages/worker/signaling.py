"""What the signaling actor takes, and what it answers."""

from dataclasses import dataclass
from typing import TypeAlias

from messages.mailbox import Mailbox


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingStarted:
    """The page is served at ``port``, and ``link``, which carries the token, opens it.

    ``read_only_link`` is for those who may watch and not stop; None without a token for them.
    """

    link: str
    read_only_link: str | None
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingFailed:
    """The page cannot be served; ``reason`` says where, why, and what to do."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingStopped:
    """All viewers' connections and the server are closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartServing:
    """Serve the page and let viewers connect."""

    reply_to: Mailbox[ServingStarted | ServingFailed]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopServing:
    """Let the viewers' channels deliver what they hold, then close all; twice too."""

    reply_to: Mailbox[ServingStopped]


SignalingMessage: TypeAlias = StartServing | StopServing
