"""SocketMonitor: who joins and leaves a bound socket."""

import threading
from collections.abc import Iterator

import pytest
import zmq

from actors.zmq_sockets import ConnectionChanged, SocketMonitor
from tests.support.addresses import FREE_PORT
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE

NAME = "watch-under-test"


class Watched:
    """A bound PUB socket and its monitor, on the test's thread."""

    def __init__(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.PUB)
        self.changes: Probe[ConnectionChanged] = Probe()
        self.monitor = SocketMonitor(self.socket, self.changes, name=NAME)
        self.socket.bind(FREE_PORT)
        self.address = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.monitor.start()


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.monitor.stop()
    watched.socket.close(linger=0)
    watched.context.term()


def monitor_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


def test_a_peer_that_joins_and_leaves_is_told(watched: Watched) -> None:
    with StandInTrainer(control_address=watched.address):
        joined = watched.changes.get()
        assert (joined.has_left, joined.connection.has_joined) == (False, True)
    left = watched.changes.get()
    assert left == ConnectionChanged(joined.connection, has_left=True)
    assert not left.connection.is_open


def test_two_peers_are_two_connections(watched: Watched) -> None:
    with StandInTrainer(control_address=watched.address):
        first = watched.changes.get().connection
        with StandInTrainer(control_address=watched.address):
            second = watched.changes.get().connection
            assert second is not first
        assert watched.changes.get() == ConnectionChanged(second, has_left=True)
    assert watched.changes.get() == ConnectionChanged(first, has_left=True)


@pytest.mark.usefixtures("watched")
def test_its_thread_is_one_daemon() -> None:
    (thread,) = monitor_threads()
    assert thread.daemon


def test_stop_ends_the_thread_and_may_come_twice(watched: Watched) -> None:
    watched.monitor.stop()
    assert monitor_threads() == []
    watched.monitor.stop()


def test_after_stop_nothing_is_told_and_the_socket_goes_on(watched: Watched) -> None:
    watched.monitor.stop()
    with StandInTrainer(control_address=watched.address):
        assert not watched.socket.closed
    watched.socket.send_string("still works")
    assert watched.changes.drain() == []


def test_one_that_was_never_started_is_stopped() -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        SocketMonitor(socket, Probe(), name=NAME).stop()


def test_after_stop_and_close_the_context_ends() -> None:
    watched = Watched()
    with StandInTrainer(control_address=watched.address):
        watched.changes.get()
        watched.monitor.stop()
        watched.socket.close(linger=0)
        reaper = threading.Thread(target=watched.context.term)
        reaper.start()
        reaper.join(PATIENCE)
        assert not reaper.is_alive()


def test_a_socket_that_closes_first_ends_the_thread_too() -> None:
    watched = Watched()
    watched.socket.close(linger=0)
    for thread in monitor_threads():
        thread.join(PATIENCE)
        assert not thread.is_alive()
    watched.context.term()
