"""What the control socket's actor takes and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from messages.peer import KnowTrainer, Peer

if TYPE_CHECKING:
    import zmq

    from messages.mailbox import Mailbox


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSocketOpened:
    """The PUB socket is bound to ``address``, the one that the system resolved.

    ``conflict`` says why it is another port than the one that was asked for.
    """

    address: str
    conflict: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSocketFailed:
    """No PUB socket has been opened; ``reason`` says why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSocketClosed:
    """The PUB socket and its monitor are closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPublished:
    """The command has been published to a trainer that had joined.

    ``others`` hear it too: they have joined as well, and are known not to be of this training.
    """

    others: tuple[Peer, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlHeld:
    """No trainer is ready: the command is published as soon as one is.

    ``ControlPublished`` or ``ControlRejected`` follows. ``others`` have joined, and are known not
    to be of this training: they alone could hear it.
    """

    others: tuple[Peer, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRejected:
    """The command is not published, and never will be."""

    reason: str


ControlReply: TypeAlias = ControlPublished | ControlHeld | ControlRejected


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenControlSocket:
    """Make a PUB socket in ``context`` and bind it to ``address``, or fail if that is in use.

    With ``goes_on`` it is that of the same job again, after a crash. ``trainers`` are those of the
    ``KnowTrainer`` that have been told before.
    """

    context: zmq.Context[zmq.Socket[bytes]]
    address: str
    reply_to: Mailbox[ControlSocketOpened | ControlSocketFailed]
    free_port_if_in_use: bool = False
    goes_on: bool = False
    trainers: frozenset[int | None] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishControl:
    """Publish ``command`` to the trainer; held while no trainer is ready for it.

    A stop stays in force: it is published again to each trainer that joins later, until
    ``ForgetStop``, ``AwaitNextTrainer`` or an ``OpenControlSocket`` that begins another job.
    """

    command: str
    reply_to: Mailbox[ControlReply] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitNextTrainer:
    """The job is over: reject what is held, and hold what comes for the next trainer to join."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetStop:
    """A stop that has been published is used up: the next training is not stopped by it.

    One that is still held is for the next trainer, and stays.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseControlSocket:
    """Reject what is held and close the socket; answered when it is closed. Idempotent."""

    reply_to: Mailbox[ControlSocketClosed]


ControlSocketMessage: TypeAlias = (
    OpenControlSocket
    | PublishControl
    | AwaitNextTrainer
    | ForgetStop
    | KnowTrainer
    | CloseControlSocket
)
