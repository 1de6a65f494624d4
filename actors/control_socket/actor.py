"""The control socket's actor: owns the PUB socket and its monitor, on a thread of its own."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import zmq

from actors.control_socket.allowed import ControlRefusedError, published_text
from actors.control_socket.subscription import has_subscriber
from actors.runtime import ThreadActor, TypedRef, reply, starter
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
    ForgetStop,
    Mailbox,
    OpenControlSocket,
    PublishControl,
    TrainerConnected,
    TrainerDisconnected,
    asks_to_stop,
)

if TYPE_CHECKING:
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
Beyond, its commands are published anyway."""

NOT_OPEN: Final = (
    "there is no control socket: either no training is reported, or the socket is being opened "
    "again and the command can be sent again"
)
"""The reason for a command that comes before the socket is open, or while its address is busy after
a crash."""

GONE: Final = "the control socket's actor has ended: send the command again"
"""The reason for a command that the actor can no longer publish."""


class _Join:
    """One trainer's handshake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _TrainerSettled:
    """The settle time of ``join`` is over, ``waited`` seconds after it."""

    join: _Join
    waited: float


_Inbox: TypeAlias = ControlSocketMessage | ConnectionEvent | _TrainerSettled


class ControlSocketActor(ThreadActor[ControlSocketMessage]):
    """Takes ``ControlSocketMessage``, tells its parent when a trainer joins and leaves.

    Several connections, as a multi-GPU trainer makes them, are one trainer while any is left. A
    command is held until a trainer's handshake is ``settle_time`` old and it has subscribed. A stop
    that has been published stays in force for those that join later. Ends when it is stopped.
    """

    name = "control socket"

    def __init__(
        self,
        *,
        parent: Mailbox[ChildDown | TrainerConnected | TrainerDisconnected],
        scheduler: Scheduler | None = None,
        settings: ReporterSettings,
    ) -> None:
        super().__init__()
        self.parent = self._parent = parent
        self._scheduler = scheduler or self.actor_inbox
        self._settings = settings
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: SocketMonitor | None = None
        self._connections = Connections()
        self._settling: dict[_Join, Cancellable] = {}
        self._ready = False
        """Whether a trainer has joined and settled."""
        self._held: deque[tuple[str, Mailbox[ControlReply] | None]] = deque()
        self._stop_in_force: str | None = None
        """The stop that has been published, for trainers that join later."""

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case OpenControlSocket():
                self._open(message)
            case PublishControl():
                self._publish_or_reject(message)
            case AwaitNextTrainer():
                self._await_next_trainer()
            case ForgetStop():
                self._stop_in_force = None
            case CloseControlSocket():
                self._close()
                reply(message.reply_to, ControlSocketClosed())
            case ConnectionEvent():
                self._connection_changed(message)
            case _TrainerSettled():
                self._trainer_settled(message)
            case _:
                assert_never(message)

    def release(self) -> None:
        """Reject what is held, and close the socket."""
        self._close()

    def turn_away(self, message: _Inbox) -> None:
        """Answer what waits for an answer."""
        match message:
            case OpenControlSocket():
                reply(message.reply_to, ControlSocketFailed(reason=GONE))
            case PublishControl():
                reply(message.reply_to, ControlRejected(reason=GONE))
            case CloseControlSocket():
                reply(message.reply_to, ControlSocketClosed())
            case _:
                pass

    # The socket

    def _open(self, message: OpenControlSocket) -> None:
        if self._socket is not None:
            reason = "the control socket is open already"
            reply(message.reply_to, ControlSocketFailed(reason=reason))
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
            reply(message.reply_to, ControlSocketFailed(reason=reason))
            return
        log.info("ZMQ control socket initialized")
        opened = ControlSocketOpened(address=bound.address, conflict=bound.conflict)
        reply(message.reply_to, opened)
        self._monitor.start()  # behind the answer: a host may be waiting for it

    def _close(self) -> None:
        self._reject_held("the control socket was closed before a trainer had joined")
        self._stop_in_force = None
        if self._connections.joined:
            self._trainer_left()
        self._connections.close()
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
            reply(message.reply_to, ControlRejected(reason=GONE))
            raise

    def _publish(self, message: PublishControl) -> None:
        if self._socket is None:
            log.error("control message not published: the control socket is not initialized")
            reply(message.reply_to, ControlRejected(reason=NOT_OPEN))
            return
        try:
            text = published_text(message.command, self._settings.control_encoding)
        except ControlRefusedError as refusal:
            log.warning("control message refused: %s", refusal)
            reply(message.reply_to, ControlRejected(reason=str(refusal)))
            return
        if self._ready:
            self._send(self._socket, text, message.reply_to)
        elif len(self._held) < HELD_LIMIT:
            log.info("control message held until the trainer is ready")
            self._held.append((text, message.reply_to))
            reply(message.reply_to, ControlHeld())
        else:
            reason = f"{HELD_LIMIT} commands are held for the trainer already"
            log.warning("control message refused: %s", reason)
            reply(message.reply_to, ControlRejected(reason=reason))

    def _send(
        self, socket: zmq.Socket[bytes], text: str, reply_to: Mailbox[ControlReply] | None
    ) -> None:
        try:
            socket.send_string(text, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            log.error("control message not published: %s", error)
            reason = f"the control socket does not take it: {error}"
            reply(reply_to, ControlRejected(reason=reason))
            return
        log.info("Sent control message to Trainer")
        if asks_to_stop(text):
            self._stop_in_force = text
        reply(reply_to, ControlPublished())

    def _reject_held(self, reason: str) -> None:
        while self._held:
            _, reply_to = self._held.popleft()
            log.warning("held control message dropped: %s", reason)
            reply(reply_to, ControlRejected(reason=reason))

    # The trainer

    def _connection_changed(self, event: ConnectionEvent) -> None:
        if self._socket is None:
            return
        before = self._connections.joined
        self._connections.take(event)
        if before and not self._connections.joined:
            self._trainer_left()
        elif event.event == zmq.EVENT_HANDSHAKE_SUCCEEDED and self._connections.joined:
            if not before:
                log.info("trainer connected")
                self._parent.tell(TrainerConnected())
            self._settle(_Join(), self._settings.settle_time, waited=0.0)

    def _settle(self, join: _Join, delay: float, *, waited: float) -> None:
        settled = _TrainerSettled(join=join, waited=waited + delay)
        self._settling[join] = self._scheduler.after(delay, lambda: self._me.tell(settled))

    def _trainer_settled(self, message: _TrainerSettled) -> None:
        if self._settling.pop(message.join, None) is None or self._socket is None:
            return  # it has left meanwhile
        if not has_subscriber(self._socket, timeout=SUBSCRIBE_AT_ONCE):
            if message.waited < SUBSCRIBE_TIMEOUT:
                delay = min(max(message.waited, 0.1), 1.0)
                self._settle(message.join, delay, waited=message.waited)
                return
            log.warning("the trainer has joined, but has not subscribed to control messages")
        self._ready = True
        if self._stop_in_force is not None:  # who joined before may not have been the trainer
            self._send(self._socket, self._stop_in_force, None)
        while self._held:
            self._send(self._socket, *self._held.popleft())

    def _await_next_trainer(self) -> None:
        self._reject_held("the training that it was for has ended")
        self._stop_in_force = None
        if self._connections.joined:
            # It lives on for seconds: a command for the next one would hit it.
            self._connections.await_next()
            self._trainer_left()

    def _trainer_left(self) -> None:
        while self._settling:
            self._settling.popitem()[1].cancel()
        self._ready = False
        log.info("trainer disconnected")
        self._parent.tell(TrainerDisconnected())


spawn = starter(ControlSocketActor)
