"""A stand-in trainer that connects its sockets as sleap-nn does, for tests without a process."""

import time
from typing import Self

import zmq
from zmq.utils.monitor import recv_monitor_message

from tests.support.waiting import PATIENCE


class StandInTrainer:
    """PUB connects to the progress address, SUB (topic "") to the control address.

    Entering waits for both handshakes and for the subscription to have reached the worker's SUB.
    Use it on one thread.
    """

    def __init__(self, *, control_address: str | None = None, progress_address: str | None = None):
        self._context = zmq.Context()
        self._progress: zmq.Socket[bytes] | None = None
        self._control: zmq.Socket[bytes] | None = None
        if progress_address is not None:
            self._progress = self._connect(zmq.XPUB, progress_address)
            # XPUB hands out the worker's subscription: from then on nothing is lost.
            assert self._progress.poll(int(PATIENCE * 1000)), "the worker has not subscribed"
            assert self._progress.recv() == b"\x01"
        if control_address is not None:
            self._control = self._connect(zmq.SUB, control_address)

    def _connect(self, kind: int, address: str) -> "zmq.Socket[bytes]":
        socket = self._context.socket(kind)
        socket.linger = 1000  # sleap-nn's progress socket has the same
        socket.sndhwm = 0  # on a busy machine too, nothing is dropped before it is sent
        if kind == zmq.SUB:
            socket.subscribe("")
        monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        socket.connect(address)
        try:
            assert monitor.poll(int(PATIENCE * 1000)), f"no handshake with {address}"
            recv_monitor_message(monitor)
        finally:
            socket.disable_monitor()
            monitor.close(linger=0)
        return socket

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, *messages: str) -> None:
        """Publish each of ``messages``."""
        for message in messages:
            self.send_bytes(message.encode())

    def send_bytes(self, *frames: bytes) -> None:
        """Publish one message of these frames."""
        assert self._progress is not None
        self._progress.send_multipart(frames)

    def command(self, timeout: float = PATIENCE) -> str:
        """The next control message."""
        assert self._control is not None
        assert self._control.poll(int(timeout * 1000)), "no control message came"
        return self._control.recv_string()

    def has_command(self) -> bool:
        """Whether a control message waits."""
        assert self._control is not None
        return bool(self._control.poll(0))

    def close(self) -> None:
        """Leave as an exiting trainer does: what was sent still goes out."""
        for socket in (self._progress, self._control):
            if socket is not None:
                socket.close()
        self._context.term()


def paced(messages: list[str], trainer: StandInTrainer, per_pause: int = 200) -> None:
    """Publish many messages without outrunning the trainer's own high-water mark of 1,000."""
    for first in range(0, len(messages), per_pause):
        trainer.send(*messages[first : first + per_pause])
        time.sleep(0.01)  # pacing of the sender, not a wait for a result
