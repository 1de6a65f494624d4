"""SessionContext: an event loop that is stuck may come with an open when its owner has given up."""

import threading
from concurrent.futures import Future

import pytest
import zmq

from actors.supervisor.context import SessionContext
from tests.support.waiting import PATIENCE


def test_a_socket_that_is_opened_late_finds_its_context_closed() -> None:
    context, terminated = SessionContext(), threading.Event()
    closed: Future[None] = Future()
    late = context.zmq
    late.socket(zmq.PAIR).close()
    context.close_progress_socket = lambda: closed
    context.terminate(terminated.set)
    with pytest.raises(zmq.ContextTerminated):  # although the termination itself waits
        late.socket(zmq.PAIR)
    closed.set_result(None)
    assert terminated.wait(PATIENCE)
    context.join(PATIENCE)
    with pytest.raises(zmq.ContextTerminated):
        late.socket(zmq.PAIR)
