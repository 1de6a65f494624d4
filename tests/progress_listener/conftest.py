"""The actor alone, with real sockets on free ports."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import zmq

from tests.support.event_loop import LoopThread
from tests.support.listener_rig import ListenerRig, listener_rig
from tests.support.opened_socket import Opened


@pytest.fixture
def rig(loop_thread: LoopThread) -> Iterator[ListenerRig]:
    """One that is ended after the test, with its context."""
    with listener_rig(loop_thread) as rig:
        yield rig


@pytest.fixture
def context() -> Iterator["zmq.Context[zmq.Socket[bytes]]"]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    context.term()


@pytest.fixture
def opened(context: "zmq.Context[zmq.Socket[bytes]]") -> Iterator[Opened]:
    with closing(Opened(context)) as opened:
        yield opened
