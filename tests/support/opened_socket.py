"""A ProgressSocket that is bound, and a trainer that has joined it."""

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import zmq

from actors.progress_listener.socket import Drained, ProgressSocket, Undecodable
from actors.settings import ReporterSettings
from tests.support.addresses import FREE_PORT
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE

T = TypeVar("T")


class Opened:
    """A ProgressSocket that is bound, used on its own thread as its owner does."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        **settings: float,
    ) -> None:
        self.socket = ProgressSocket(ReporterSettings(**settings))  # type: ignore[arg-type]
        self.address = self.run(self.socket.open, context, FREE_PORT).address

    def close(self) -> None:
        self.socket.close().result(PATIENCE)

    @contextmanager
    def watched(self) -> Iterator[int]:
        """What says that something has come, and that it was not drained."""
        descriptor = os.dup(self.socket._descriptor)
        yield descriptor
        os.close(descriptor)

    def wait_for_arrival(self) -> None:
        """Wait until something can be received."""
        assert self.socket._socket is not None
        assert self.run(self.socket._socket.poll, PATIENCE * 1000)

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        return self.socket.thread.submit(function, *arguments).result(PATIENCE)

    def collect(self, done: Callable[[list[str | Undecodable], Drained], bool]) -> list[Any]:
        """What comes until ``done`` says so; messages are on their way for a moment."""
        got: list[str | Undecodable] = []
        deadline = time.monotonic() + PATIENCE
        with self.watched() as watched:
            while time.monotonic() < deadline:
                is_readable(watched, within=0.05)
                drained = self.run(self.socket.drain)
                got += self.taken()
                if done(got, drained):
                    return got
        raise AssertionError(f"it did not come: {got[-3:]}, {drained}")

    def taken(self) -> list[str | Undecodable]:
        """What has been received."""
        received = self.socket.received
        return [received.popleft()[0] for _ in range(len(received))]

    def messages(self, count: int) -> list[Any]:
        return self.collect(lambda got, _: len(got) >= count)


def is_readable(descriptor: int, *, within: float) -> bool:
    return bool(select.select([descriptor], [], [], within)[0])


@contextmanager
def joined(opened: Opened) -> Iterator[StandInTrainer]:
    """A trainer that has joined; ZeroMQ lets it in while the socket is used, as it always is."""
    left = threading.Event()

    def use() -> None:
        while not left.wait(0.001):
            assert not opened.run(opened.socket.drain).count

    user = threading.Thread(target=use)
    user.start()
    try:
        trainer = StandInTrainer(progress_address=opened.address)
    finally:
        left.set()
        user.join(PATIENCE)
    with trainer:
        yield trainer
