"""Sockets are closed also when their context's termination has begun: it waits for them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq

from actors import ReporterSettings
from actors.progress_listener.socket import ProgressSocket
from actors.zmq_sockets import SocketMonitor
from messages import (
    ChildDown,
    CloseControlSocket,
    ControlRejected,
    ControlSocketClosed,
    ControlSocketFailed,
    ListeningFailed,
    OpenControlSocket,
)
from tests.support.addresses import FREE_PORT
from tests.support.control_rig import SETTLE, ControlRig
from tests.support.event_loop import LoopThread
from tests.support.listener_rig import ListenerRig
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE, settled


@contextmanager
def terminating(context: "zmq.Context[zmq.Socket[bytes]]") -> Iterator[None]:
    """The termination has begun; at the end of the block it must come to its own end."""
    reaper = threading.Thread(target=context.term, daemon=True)
    reaper.start()
    assert settled(lambda: refuses_sockets(context))
    yield
    reaper.join(PATIENCE)
    assert not reaper.is_alive(), "a socket is still open"


def refuses_sockets(context: "zmq.Context[zmq.Socket[bytes]]") -> bool:
    try:
        context.socket(zmq.PAIR).close()
    except zmq.ZMQError:
        return True
    return False


def test_a_monitor_is_stopped() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.PUB)
    monitor = SocketMonitor(socket, Probe(), name="watch-under-test")
    monitor.start()
    with terminating(context):
        with pytest.raises(zmq.ContextTerminated):  # from here on the socket knows of it
            socket.get(zmq.EVENTS)
        try:
            monitor.stop()
        finally:
            socket.close(linger=0)
    assert "watch-under-test" not in {thread.name for thread in threading.enumerate()}


def test_a_progress_socket_is_closed() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = ProgressSocket(ReporterSettings())
    socket.thread.submit(socket.open, context, FREE_PORT).result(PATIENCE)
    with terminating(context):
        with pytest.raises(zmq.ContextTerminated):  # from here on the socket knows of it
            socket.thread.submit(socket.receive).result(PATIENCE)
        socket.close().result(PATIENCE)


def test_a_control_socket_is_closed() -> None:
    rig = ControlRig()
    rig.open()
    with terminating(rig.context):
        closed: ControlSocketClosed = rig.ref.ask(
            lambda reply_to: CloseControlSocket(reply_to=reply_to), timeout=PATIENCE
        )
        assert closed == ControlSocketClosed()
    rig.ref.stop(timeout=PATIENCE)


@pytest.mark.parametrize("crash", [False, True])
def test_a_control_sockets_actor_that_ends_closes_it(crash: bool) -> None:
    rig = ControlRig()
    rig.open()
    with terminating(rig.context):
        if crash:
            rig.ref.tell(object())
        else:
            rig.ref.stop(timeout=PATIENCE)
        assert isinstance(rig.parent.get(), ChildDown)


def test_a_control_socket_that_is_to_be_opened_is_answered() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    holder = context.socket(zmq.PAIR)
    rig = ControlRig()
    with terminating(context):
        answer = rig.ref.ask(
            lambda reply_to: OpenControlSocket(
                context=context, address=FREE_PORT, reply_to=reply_to
            ),
            timeout=PATIENCE,
        )
        assert isinstance(answer, ControlSocketFailed)
        holder.close()
    rig.end()


def test_a_command_is_rejected() -> None:
    rig = ControlRig()
    with StandInTrainer(control_address=rig.open()):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        rig.barrier()
        with terminating(rig.context):
            assert isinstance(rig.publish("STOP").get(), ControlRejected)
            rig.ref.stop(timeout=PATIENCE)


def test_a_listener_ends_and_tells(loop_thread: LoopThread) -> None:
    rig = ListenerRig(loop_thread)
    rig.start()
    with terminating(rig.context):
        down = rig.parent.get()  # the next poll finds out
        assert isinstance(down, ChildDown)
        assert down.reason is not None
    assert settled(lambda: loop_thread.tasks() == set())


def test_a_listener_that_is_to_start_is_answered(loop_thread: LoopThread) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    holder = context.socket(zmq.PAIR)
    rig = ListenerRig(loop_thread)
    own, rig.context = rig.context, context
    with terminating(context):
        assert isinstance(rig.ask_start(), ListeningFailed)
        holder.close()
    own.term()
    rig.ref.stop(timeout=PATIENCE)
