"""The control socket's actor: owns the PUB socket and its monitor, on a thread of its own."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import zmq

from actors.control_socket.allowed import ControlRefusedError, published_text
from actors.control_socket.commands import Commands, StopInForce
from actors.control_socket.subscription import AT_ONCE, has_subscriber
from actors.control_socket.trainers import Joined, Trainers
from actors.runtime import ThreadActor, TypedRef, reply, starter
from actors.zmq_sockets import (
    ConnectionChanged,
    NotBoundError,
    PeerWatch,
    SocketMonitor,
    Verdict,
    bind,
    why_not_open,
)
from messages import (
    AwaitNextTrainer,
    ChildDown,
    CloseControlSocket,
    ControlRejected,
    ControlSocketClosed,
    ControlSocketFailed,
    ControlSocketMessage,
    ControlSocketOpened,
    ForgetStop,
    KnowTrainer,
    Mailbox,
    OpenControlSocket,
    PublishControl,
    StrangerConnected,
    TrainerConnected,
    TrainerDisconnected,
)

if TYPE_CHECKING:
    from actors.runtime import Scheduler
    from actors.settings import ReporterSettings

log = logging.getLogger(__name__)

LINGER: Final = 100
"""Milliseconds that closing may wait for a command to leave; Jupyter uses the same for its control
socket. It bounds the context's termination too."""

LOOK_UP_TIMEOUT: Final = 2.0
"""Seconds after which one that has joined is trusted, also if the system has not told yet who it
is; it takes milliseconds."""

SUBSCRIBE_TIMEOUT: Final = 30.0
"""Seconds that a trainer may take to subscribe. Beyond, its commands are published anyway."""

NOT_OPEN: Final = (
    "there is no control socket: either no training is reported, or its start is still under way "
    "and the command can be sent again"
)
"""The reason for a command that comes before the socket is open or after it has been closed; one
that is being opened again after a crash holds it."""

GONE: Final = "the control socket's actor has ended: send the command again"
"""The reason for a command that the actor can no longer publish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _TrainerSettled:
    """Whether ``joined`` can be sent a command, ``waited`` seconds after it has come."""

    joined: Joined
    waited: float


_Inbox: TypeAlias = ControlSocketMessage | ConnectionChanged | Verdict | _TrainerSettled

ParentEvent: TypeAlias = ChildDown | TrainerConnected | TrainerDisconnected | StrangerConnected
"""What the actor tells its parent."""


class ControlSocketActor(ThreadActor[ControlSocketMessage]):
    """Takes ``ControlSocketMessage``, tells its parent when a trainer joins and leaves.

    A command is held until a trainer's handshake is ``settle_time`` old, it has subscribed, and the
    system has told who it is; the last two are not waited for beyond their timeouts. A stop that
    has been published stays in force for those that join later, also when the actor crashes:
    ``stop_in_force`` is its successor's then, which with ``reopens`` holds commands until its
    socket is open again. Who is known to be no trainer of this job is told as a stranger. Ends when
    it is stopped.
    """

    name = "control socket"

    def __init__(
        self,
        *,
        parent: Mailbox[ParentEvent],
        scheduler: Scheduler | None = None,
        settings: ReporterSettings,
        stop_in_force: StopInForce | None = None,
        reopens: bool = False,
    ) -> None:
        super().__init__()
        self.parent = self._parent = parent
        self._scheduler = scheduler or self.actor_inbox
        self._settings = settings
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._reopens = reopens
        self._socket: zmq.Socket[bytes] | None = None
        self._watch: PeerWatch | None = None
        self._opened = ExitStack()
        self._address = ""
        self._trainers = Trainers()
        self._subscribes_within = AT_ONCE
        self._commands = Commands(self._trainers, stop_in_force or StopInForce())

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
                self._commands.forget_stop()
            case CloseControlSocket():
                self._close()
                reply(message.reply_to, ControlSocketClosed())
            case ConnectionChanged():
                self._connection_changed(message)
            case KnowTrainer():
                if self._watch is not None:
                    self._watch.know(message.pid)
            case Verdict():
                self._judge(message)
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
            case AwaitNextTrainer() | ForgetStop():
                self._commands.forget_stop()
            case _:
                pass

    # The socket

    def _open(self, message: OpenControlSocket) -> None:
        if self._socket is not None:
            reason = "the control socket is open already"
            reply(message.reply_to, ControlSocketFailed(reason=reason))
            return
        if not message.goes_on:
            self._commands.forget_stop()
        try:
            self._socket = self._opened.enter_context(message.context.socket(zmq.PUB))
            self._socket.linger = LINGER
            monitor = SocketMonitor(self._socket, self._me, name="control-socket-monitor")
            self._opened.callback(monitor.stop)
            bound = bind(
                "the control socket",
                self._socket,
                message.address,
                free_port_if_in_use=message.free_port_if_in_use,
            )
        except (NotBoundError, zmq.ZMQError) as error:
            self._close_socket()  # what is held waits for the next attempt
            reason = why_not_open("the control socket", error)
            reply(message.reply_to, ControlSocketFailed(reason=reason))
            return
        log.info("ZMQ control socket initialized")
        self._address = bound.address
        self._watch = PeerWatch(self._me, name="control-socket-peers", trainers=message.trainers)
        self._opened.callback(self._watch.close)
        monitor.start()  # from here on no fork keeps the address
        opened = ControlSocketOpened(address=bound.address, conflict=bound.conflict)
        reply(message.reply_to, opened)

    def _close(self) -> None:
        self._reopens = False
        self._commands.reject_held("the control socket was closed before it could be published")
        self._close_socket()

    def _close_socket(self) -> None:
        self._forget_trainers()
        self._trainers.clear()
        self._subscribes_within = AT_ONCE
        self._socket = self._watch = None
        self._opened.close()

    # Commands

    def _publish_or_reject(self, message: PublishControl) -> None:
        try:
            self._publish(message)
        except Exception:
            reply(message.reply_to, ControlRejected(reason=GONE))
            raise

    def _publish(self, message: PublishControl) -> None:
        if self._socket is None and not self._reopens:
            log.error("control message not published: the control socket is not initialized")
            reply(message.reply_to, ControlRejected(reason=NOT_OPEN))
            return
        try:
            text = published_text(message.command, self._settings.control_encoding)
        except ControlRefusedError as refusal:
            log.warning("control message refused: %s", refusal)
            reply(message.reply_to, ControlRejected(reason=str(refusal)))
            return
        self._commands.take(self._socket, text, message.reply_to)

    # The trainer

    def _connection_changed(self, change: ConnectionChanged) -> None:
        if self._watch is None:
            return
        self._watch.changed(change)
        if change.has_left:
            self._tell(self._trainers.leave(change.connection))
        else:
            self._settle(self._trainers.join(change.connection), self._settings.settle_time)

    def _settle(self, joined: Joined, delay: float, waited: float = 0.0) -> None:
        settled = _TrainerSettled(joined=joined, waited=waited + delay)
        self._scheduler.after(delay, lambda: self._me.tell(settled))

    def _judge(self, verdict: Verdict) -> None:
        self._trainers.judge(verdict)
        if verdict.is_stranger and self._watch is not None:
            self._parent.tell(StrangerConnected(peer=verdict.peer, address=self._address))
        self._serve()

    def _trainer_settled(self, message: _TrainerSettled) -> None:
        joined, waited = message.joined, message.waited
        if self._socket is None or joined.is_over:
            return
        has_subscribed = has_subscriber(self._socket, within=self._subscribes_within)
        # Who connects and never subscribes holds up this thread once.
        self._subscribes_within = AT_ONCE if has_subscribed else 0.0
        if not has_subscribed and waited >= SUBSCRIBE_TIMEOUT:
            log.warning("the trainer has joined, but has not subscribed to control messages")
            has_subscribed = True
        if waited >= LOOK_UP_TIMEOUT:
            joined.give_up()
        joined.is_settled = has_subscribed
        if not has_subscribed or joined.peer is None:
            self._settle(joined, min(max(waited, 0.1), 1.0), waited)
        self._serve()

    def _serve(self) -> None:
        """Tell who has become the trainer, and send it what waits for it."""
        self._tell(self._trainers.changes())
        if self._socket is not None:
            self._commands.serve(self._socket)

    def _await_next_trainer(self) -> None:
        self._commands.reject_held("the training that it was for has ended")
        self._commands.forget_stop()
        if self._watch is not None:
            self._watch.forget()
        self._forget_trainers()  # they live on for seconds: a command for the next would hit them

    def _forget_trainers(self) -> None:
        self._trainers.await_next()
        self._tell(self._trainers.changes())

    def _tell(self, changes: list[TrainerConnected | TrainerDisconnected]) -> None:
        for event in changes:
            if isinstance(event, TrainerConnected):
                log.info("trainer connected")
            else:
                log.info("trainer disconnected")
            self._parent.tell(event)


spawn = starter(ControlSocketActor)
