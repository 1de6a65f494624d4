"""Commands: those that are held for a trainer, and the stop that is in force. A plain object."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

import zmq

from actors.runtime import reply
from messages import ControlHeld, ControlPublished, ControlRejected, ControlReply, asks_to_stop

if TYPE_CHECKING:
    from messages import Mailbox, Peer

log = logging.getLogger(__name__)

HELD_LIMIT: Final = 100
"""Commands that are held for a trainer. They are a person's: a stop, and some learning rates."""


class StopInForce:
    """The stop that has been published, for trainers that join later.

    It outlives the actor that has it, and belongs to its successor then.
    """

    text: str | None = None


class Commands:
    """Takes texts that may be published; used on the thread that owns the socket.

    Each is answered with the strangers that hear it too, or would.
    """

    def __init__(self, stop_in_force: StopInForce) -> None:
        self._held: deque[tuple[str, Mailbox[ControlReply] | None]] = deque()
        self._stop_in_force = stop_in_force

    def hold(
        self, text: str, reply_to: Mailbox[ControlReply] | None, others: tuple[Peer, ...]
    ) -> None:
        """Keep ``text`` until a trainer is ready."""
        if len(self._held) < HELD_LIMIT:
            log.info("control message held until the trainer is ready")
            self._held.append((text, reply_to))
            reply(reply_to, ControlHeld(others=others))
        else:
            reason = f"{HELD_LIMIT} commands are held for the trainer already"
            log.warning("control message refused: %s", reason)
            reply(reply_to, ControlRejected(reason=reason))

    def send(
        self,
        socket: zmq.Socket[bytes],
        text: str,
        reply_to: Mailbox[ControlReply] | None,
        others: tuple[Peer, ...],
    ) -> None:
        """Publish ``text``; a stop is in force from then on."""
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
        reply(reply_to, ControlPublished(others=others))

    def serve(self, socket: zmq.Socket[bytes], others: tuple[Peer, ...]) -> None:
        """One more trainer is ready: publish the stop that is in force, and what is held."""
        if self._stop_in_force.text is not None:  # who joined before may not be the trainer
            self.send(socket, self._stop_in_force.text, None, others)
        while self._held:
            self.send(socket, *self._held.popleft(), others)

    def forget_stop(self) -> None:
        """The stop that has been published is used up."""
        self._stop_in_force.text = None

    def reject_held(self, reason: str) -> None:
        """Nothing that is held will be published."""
        while self._held:
            _, reply_to = self._held.popleft()
            log.warning("held control message dropped: %s", reason)
            reply(reply_to, ControlRejected(reason=reason))
