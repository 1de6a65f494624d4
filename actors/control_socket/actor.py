"""The control socket's actor: owns the PUB socket and its monitor, on a thread of its own."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never, cast

import pykka
import zmq

from actors.control_socket.allowed import ControlRefusedError, published_text
from actors.control_socket.subscription import has_subscriber
from actors.runtime import ReporterActor, TypedRef, deliver
from actors.zmq_sockets import (
    ConnectionEvent,
    Connections,
    NotBoundError,
    SocketMonitor,
    bind,
    why_not_open,
)
from messages import (
    AwaitNextTrainer,
    ChildDown,
    CloseControlSocket,
    ControlHeld,
    ControlPublished,
    ControlRejected,
    ControlReply,
    ControlSocketClosed,
    ControlSocketFailed,
    ControlSocketMessage,
    ControlSocketOpened,
    Mailbox,
    OpenControlSocket,
    PublishControl,
    TrainerConnected,
    TrainerDisconnected,
)

if TYPE_CHECKING:
    from queue import Queue

    from pykka._envelope import Envelope

    from actors.runtime import Cancellable, Scheduler
    from actors.settings import ReporterSettings

log = logging.getLogger(__name__)

LINGER: Final = 100
"""Milliseconds that closing may wait for a command to leave; Jupyter uses the same for its control
socket. It bounds the context's termination too."""

HELD_LIMIT: Final = 100
"""Commands that are held for a trainer; there is one that matters, stop."""

SUBSCRIBE_AT_ONCE: Final = 0.02
"""Seconds within which a trainer that connects for the first time has subscribed too; it takes a
millisecond."""

SUBSCRIBE_TIMEOUT: Final = 30.0
"""Seconds that a trainer which connects again may take to subscribe: it does so after its batch.
Beyond, its commands are published all the same."""

FORMER_RECONNECTS: Final = 1.0
"""Seconds within which a trainer connects again to a socket that was bound anew; ZeroMQ tries every
0.1 s, and a trainer that starts needs several."""

NOT_OPEN: Final = (
    "there is no control socket: either no training is reported, or the socket is being opened "
    "again and the command can be sent again"
)
"""The reason for a command that comes before the socket is open, or while its address is busy after
a crash."""

GONE: Final = "the control socket's actor has ended: send the command again"
"""The reason for a command that the actor can no longer publish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _TrainerSettled:
    """The settle time of the handshake number ``joined`` is over, ``waited`` seconds after it."""

    joined: int
    waited: float


_Inbox: TypeAlias = ControlSocketMessage | ConnectionEvent | _TrainerSettled


def spawn(
    *,
    parent: Mailbox[ChildDown | TrainerConnected | TrainerDisconnected],
    scheduler: Scheduler,
    settings: ReporterSettings,
) -> TypedRef[ControlSocketMessage]:
    """Start the actor on a thread of its own."""
    return TypedRef(ControlSocketActor.start(parent=parent, scheduler=scheduler, settings=settings))


class ControlSocketActor(ReporterActor, pykka.ThreadingActor):
    """Takes ``ControlSocketMessage``, tells its parent when a trainer joins and leaves.

    Several connections, as a multi-GPU trainer makes them, are one trainer while any is left. A
    command is held until a trainer's handshake is ``settle_time`` old and it has subscribed. Ends
    when it is stopped.
    """

    name = "control socket"
    use_daemon_thread = True  # a host that forgets to stop it can exit all the same

    def __init__(
        self,
        *,
        parent: Mailbox[ChildDown | TrainerConnected | TrainerDisconnected],
        scheduler: Scheduler,
        settings: ReporterSettings,
    ) -> None:
        super().__init__()
        self.parent = self._parent = parent
        self._scheduler = scheduler
        self._settings = settings
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: SocketMonitor | None = None
        self._connections = Connections()
        self._joined = 0
        self._first = 1
        self._former_until = 0.0
        self._settled = False
        self._settling: Cancellable | None = None
        self._held: deque[tuple[str, Mailbox[ControlReply] | None]] = deque()

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case OpenControlSocket():
                self._open(message)
            case PublishControl():
                self._publish_or_reject(message)
            case AwaitNextTrainer():
                self._await_next_trainer()
            case CloseControlSocket():
                self._close()
                deliver(message.reply_to, ControlSocketClosed())
            case ConnectionEvent():
                self._connection_changed(message)
            case _TrainerSettled():
                self._trainer_settled(message)
            case _:
                assert_never(message)

    def release(self) -> None:
        """Reject what is held or still waits in the inbox, and close the socket."""
        for envelope in list(cast("Queue[Envelope[_Inbox]]", self.actor_inbox).queue):
            if isinstance(envelope.message, PublishControl):
                self._reject(envelope.message.reply_to, GONE)
        self._close()

    # The socket

    def _open(self, message: OpenControlSocket) -> None:
        if self._socket is not None:
            reason = "the control socket is open already"
            deliver(message.reply_to, ControlSocketFailed(reason=reason))
            return
        try:
            self._socket = message.context.socket(zmq.PUB)
            self._socket.linger = LINGER
            self._monitor = SocketMonitor(self._socket, self._me, name="control-socket-monitor")
            bound = bind(
                "the control socket",
                self._socket,
                message.address,
                free_port_if_in_use=message.free_port_if_in_use,
            )
        except (NotBoundError, zmq.ZMQError) as error:
            self._close()
            reason = why_not_open("the control socket", error)
            deliver(message.reply_to, ControlSocketFailed(reason=reason))
            return
        self._first = self._joined + 1
        self._former_until = (
            time.monotonic() + FORMER_RECONNECTS if message.former_trainer_lives else 0.0
        )
        log.info("ZMQ control socket initialized")
        opened = ControlSocketOpened(address=bound.address, conflict=bound.conflict)
        deliver(message.reply_to, opened)

    def _close(self) -> None:
        self._reject_held("the control socket was closed before a trainer had joined")
        self._forget_trainer()
        self._connections = Connections()
        if self._monitor is not None:
            self._monitor.stop()
            self._monitor = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # Commands

    def _publish_or_reject(self, message: PublishControl) -> None:
        try:
            self._publish(message)
        except Exception:
            self._reject(message.reply_to, GONE)
            raise

    def _publish(self, message: PublishControl) -> None:
        if self._socket is None:
            log.error("control message not published: the control socket is not initialized")
            self._reject(message.reply_to, NOT_OPEN)
            return
        try:
            text = published_text(message.command, self._settings.control_encoding)
        except ControlRefusedError as refusal:
            log.warning("control message refused: %s", refusal)
            self._reject(message.reply_to, str(refusal))
            return
        if self._settled:
            self._send(self._socket, text, message.reply_to)
        elif len(self._held) < HELD_LIMIT:
            log.info("control message held until the trainer is ready")
            self._held.append((text, message.reply_to))
            if message.reply_to is not None:
                deliver(message.reply_to, ControlHeld())
        else:
            reason = f"{HELD_LIMIT} commands are held for the trainer already"
            log.warning("control message refused: %s", reason)
            self._reject(message.reply_to, reason)

    def _send(
        self, socket: zmq.Socket[bytes], text: str, reply_to: Mailbox[ControlReply] | None
    ) -> None:
        try:
            socket.send_string(text, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            log.error("control message not published: %s", error)
            self._reject(reply_to, f"the control socket does not take it: {error}")
            return
        log.info("Sent control message to Trainer")
        if reply_to is not None:
            deliver(reply_to, ControlPublished())

    def _reject_held(self, reason: str) -> None:
        while self._held:
            _, reply_to = self._held.popleft()
            log.warning("held control message dropped: %s", reason)
            self._reject(reply_to, reason)

    def _reject(self, reply_to: Mailbox[ControlReply] | None, reason: str) -> None:
        if reply_to is not None:
            deliver(reply_to, ControlRejected(reason=reason))

    # The trainer

    def _connection_changed(self, event: ConnectionEvent) -> None:
        if self._socket is None:
            return
        before = self._connections.joined
        if event.event == zmq.EVENT_DISCONNECTED:
            self._former_until = 0.0  # who comes from here on is another one
        self._connections.take(event, former=time.monotonic() < self._former_until)
        if self._connections.joined and not before:
            log.info("trainer connected")
            self._parent.tell(TrainerConnected())
            self._joined += 1
            self._settle(self._settings.settle_time, waited=0.0)
        elif before and not self._connections.joined:
            self._trainer_left()

    def _settle(self, delay: float, *, waited: float) -> None:
        settled = _TrainerSettled(joined=self._joined, waited=waited + delay)
        self._settling = self._scheduler.after(delay, lambda: self._me.tell(settled))

    def _trainer_settled(self, message: _TrainerSettled) -> None:
        if message.joined != self._joined or self._settling is None or self._socket is None:
            return
        is_first = message.joined == self._first
        if is_first and not has_subscriber(self._socket, within=SUBSCRIBE_AT_ONCE):
            if message.waited < SUBSCRIBE_TIMEOUT:
                self._settle(min(max(message.waited, 0.1), 1.0), waited=message.waited)
                return
            log.warning("the trainer has joined, but has not subscribed to control messages")
        self._settling, self._settled = None, True
        while self._held:
            self._send(self._socket, *self._held.popleft())

    def _await_next_trainer(self) -> None:
        self._reject_held("the training that it was for has ended")
        # The former trainer lives on for seconds: a command for the next one would hit it.
        self._forget_trainer()

    def _forget_trainer(self) -> None:
        before = self._connections.joined
        self._connections.forget()
        if before:
            self._trainer_left()

    def _trainer_left(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        self._settled = False
        log.info("trainer disconnected")
        self._parent.tell(TrainerDisconnected())
