"""SocketMonitor: who joins and leaves a bound socket."""

import threading
from collections.abc import Iterator

import pytest
import zmq

from actors.socket_monitor import PeerJoined, PeerLeft, SocketMonitor
from tests.conftest import FREE_PORT
from tests.support.probe import PATIENCE, Probe
from tests.support.trainer import StandInTrainer

NAME = "watch-under-test"


class Watched:
    """A bound PUB socket and its monitor, on the test's thread."""

    def __init__(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.PUB)
        self.events: Probe[PeerJoined | PeerLeft] = Probe()
        self.monitor = SocketMonitor(self.socket, self.events, name=NAME)
        self.socket.bind(FREE_PORT)
        self.address = self.socket.get(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.monitor.stop()
    watched.socket.close(linger=0)
    watched.context.term()


def monitor_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


def test_a_peer_that_joins_and_leaves_is_told_with_the_same_connection(watched: Watched) -> None:
    with StandInTrainer(control_address=watched.address):
        joined = watched.events.get()
        assert isinstance(joined, PeerJoined)
    watched.events.expect(PeerLeft(connection=joined.connection))


def test_two_peers_are_two_connections(watched: Watched) -> None:
    with StandInTrainer(control_address=watched.address):
        first = watched.events.wait_for(PeerJoined)
        with StandInTrainer(control_address=watched.address):
            second = watched.events.wait_for(PeerJoined)
            assert second.connection != first.connection
        watched.events.expect(PeerLeft(connection=second.connection))
    watched.events.expect(PeerLeft(connection=first.connection))


def test_binding_alone_tells_nothing(watched: Watched) -> None:
    with StandInTrainer(control_address=watched.address):
        assert isinstance(watched.events.get(), PeerJoined)


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
    assert watched.events.drain() == []


def test_stop_after_the_socket_is_closed_does_nothing(watched: Watched) -> None:
    watched.monitor.stop()
    watched.socket.close(linger=0)
    watched.monitor.stop()


def test_after_stop_and_close_the_context_ends() -> None:
    watched = Watched()
    with StandInTrainer(control_address=watched.address):
        watched.events.wait_for(PeerJoined)
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
    watched.monitor.stop()
    watched.context.term()
