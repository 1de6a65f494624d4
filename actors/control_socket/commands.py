"""Commands: those that are held for a trainer, and the stop that is in force. A plain object."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

import zmq

from actors.runtime import reply
from messages import ControlHeld, ControlPublished, ControlRejected, ControlReply, asks_to_stop

if TYPE_CHECKING:
    from actors.control_socket.trainers import Trainers
    from messages import Mailbox

    ReplyTo: TypeAlias = Mailbox[ControlReply] | None

log = logging.getLogger(__name__)

HELD_LIMIT: Final = 100
"""Commands that are held for a trainer. They are a person's: a stop, and some learning rates."""


class StopInForce:
    """The stop that has been published, for trainers that join later.

    It outlives the actor that has it, and belongs to its successor then.
    """

    text: str | None = None


class Commands:
    """Takes texts that may be published to ``trainers``; on the thread that owns the socket.

    Each is answered with the strangers that hear it too, or would.
    """

    def __init__(self, trainers: Trainers, stop_in_force: StopInForce) -> None:
        self._trainers = trainers
        self._held: deque[tuple[str, ReplyTo]] = deque()
        self._stop_in_force = stop_in_force

    def take(self, socket: zmq.Socket[bytes] | None, text: str, reply_to: ReplyTo) -> None:
        """Publish ``text``, or keep it until a trainer is ready."""
        if socket is not None and self._trainers.is_ready:
            self._publish(socket, text, reply_to)
        elif len(self._held) < HELD_LIMIT:
            log.info("control message held until the trainer is ready")
            self._held.append((text, reply_to))
            reply(reply_to, ControlHeld(others=self._trainers.strangers))
        else:
            reason = f"{HELD_LIMIT} commands are held for the trainer already"
            log.warning("control message refused: %s", reason)
            reply(reply_to, ControlRejected(reason=reason))

    def serve(self, socket: zmq.Socket[bytes]) -> None:
        """If one more trainer is ready: publish the stop that is in force, and what is held."""
        if not self._trainers.serve():
            return
        if self._stop_in_force.text is not None:  # who joined before may not be the trainer
            self._publish(socket, self._stop_in_force.text)
        while self._held:
            self._publish(socket, *self._held.popleft())

    def _publish(self, socket: zmq.Socket[bytes], text: str, reply_to: ReplyTo = None) -> None:
        """A stop is in force from then on."""
        try:
            socket.send_string(text, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            log.error("control message not published: %s", error)
            reason = f"the control socket does not take it: {error}"
            reply(reply_to, ControlRejected(reason=reason))
            return
        log.info("Sent control message to Trainer")
        if asks_to_stop(text):
            self._stop_in_force.text = text
        reply(reply_to, ControlPublished(others=self._trainers.strangers))

    def forget_stop(self) -> None:
        """The stop that has been published is used up."""
        self._stop_in_force.text = None

    def reject_held(self, reason: str) -> None:
        """Nothing that is held will be published."""
        while self._held:
            _, reply_to = self._held.popleft()
            log.warning("held control message dropped: %s", reason)
            reply(reply_to, ControlRejected(reason=reason))
