"""The control socket's actor alone: its mailbox, its parent and its clock are the test's."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import zmq

from actors import ControlEncoding, ReporterSettings, control_socket
from actors.runtime import Scheduler
from messages import (
    CloseControlSocket,
    ControlRejected,
    ControlReply,
    ControlSocketClosed,
    ControlSocketOpened,
    OpenControlSocket,
    PublishControl,
    TrainerConnected,
)
from tests.support.addresses import FREE_PORT
from tests.support.clock import ManualScheduler
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE

SETTLE = 10.0
"""Seconds of the manual clock."""


class ControlRig:
    """Spawns the actor on a clock that the test advances, or in ``real_time``.

    ``context`` is terminated at the end, which proves that all is closed.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler | None = None,
        real_time: bool = False,
        encoding: ControlEncoding = ControlEncoding.VERBATIM,
        settle_time: float = SETTLE,
    ) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.parent: Probe[Any] = Probe()
        self.clock = ManualScheduler()
        self.ref: Any = control_socket.spawn(
            parent=self.parent,
            scheduler=None if real_time else scheduler or self.clock,
            settings=ReporterSettings(settle_time=settle_time, control_encoding=encoding),
        )

    def ask_open(self, address: str = FREE_PORT) -> Any:
        return self.ref.ask(
            lambda reply_to: OpenControlSocket(
                context=self.context, address=address, reply_to=reply_to
            ),
            timeout=PATIENCE,
        )

    def open(self, address: str = FREE_PORT) -> str:
        """Open the socket; its address."""
        opened = self.ask_open(address)
        assert isinstance(opened, ControlSocketOpened), opened
        return opened.address

    def close(self) -> ControlSocketClosed:
        """Close the socket."""
        answer: ControlSocketClosed = self.ref.ask(
            lambda reply_to: CloseControlSocket(reply_to=reply_to), timeout=PATIENCE
        )
        return answer

    def publish(self, command: str = "STOP") -> Probe[ControlReply]:
        """Publish ``command``; the mailbox that is answered."""
        replies: Probe[ControlReply] = Probe()
        self.ref.tell(PublishControl(command=command, reply_to=replies))
        return replies

    def barrier(self) -> None:
        """All that was told before has been handled."""
        replies = self.publish("")  # refused in any state
        assert isinstance(replies.get(), ControlRejected)

    def wait_for_trainer(self) -> None:
        """The trainer's handshake has been handled, its timer runs."""
        self.parent.expect(TrainerConnected())
        self.barrier()

    def end(self) -> None:
        self.ref.stop(timeout=PATIENCE)
        self.context.term()


@contextmanager
def control_rig(**options: Any) -> Iterator[ControlRig]:
    """A rig that is ended."""
    rig = ControlRig(**options)
    try:
        yield rig
    finally:
        rig.end()


def wait_until_subscribed(rig: ControlRig, trainer: StandInTrainer) -> None:
    """Publish until the trainer hears it: from then on it hears everything."""
    deadline = time.monotonic() + PATIENCE
    while not trainer.has_command():
        assert time.monotonic() < deadline
        rig.publish("marker")
        rig.barrier()
    rig.publish("last-marker")
    while trainer.command() != "last-marker":
        pass
