"""PeerWatch: a verdict on each connection that has joined."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from actors.zmq_sockets import Connection, ConnectionChanged, PeerWatch, Verdict, peer_watch
from actors.zmq_sockets.connections import ends_of
from actors.zmq_sockets.processes import Ends
from messages import Peer, PeersFound
from tests.support.probe import Probe
from tests.support.waiting import settled

NAME = "watch-under-test"


@contextmanager
def connected() -> Iterator[Connection]:
    """A connection of this process with itself, which has joined."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()),
        server.accept()[0] as accepted,
    ):
        connection = Connection(accepted.fileno(), ends_of(accepted.fileno()))
        connection.has_joined = True
        yield connection


class Watched:
    def __init__(self) -> None:
        self.verdicts: Probe[Verdict] = Probe()
        self.watch = PeerWatch(self.verdicts, name=NAME, trainers=frozenset())

    def changed(self, *connections: Connection) -> None:
        for connection in connections:
            self.watch.changed(ConnectionChanged(connection, has_left=not connection.is_open))

    def found(self) -> tuple[Peer, ...]:
        """Who is there; all that was told before has been handled."""
        answers: Probe[PeersFound] = Probe()
        self.watch.ask(answers)
        return answers.get().peers


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.watch.close()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]


def test_who_has_joined_is_told_with_its_connection_and_only_once(watched: Watched) -> None:
    with connected() as connection:
        watched.changed(connection)
        verdict = watched.verdicts.get()
        assert verdict.connection is connection
        assert verdict.peer.pid == os.getpid()
        assert not verdict.is_stranger
        (found,) = watched.found()
        assert found.pid == os.getpid()
        assert watched.verdicts.drain() == []


def test_a_verdict_that_changes_is_told_again(watched: Watched, monkeypatch) -> None:
    other = 2**30
    peer = Peer(pid=other, kin=frozenset({other}))
    monkeypatch.setattr(peer_watch, "find_peer", lambda ends: peer)
    with connected() as connection:
        watched.changed(connection)
        assert not watched.verdicts.get().is_stranger
        watched.watch.know(other + 1)
        verdict = watched.verdicts.get()
        assert (verdict.connection, verdict.is_stranger) == (connection, True)
        watched.watch.know(other)
        assert not watched.verdicts.get().is_stranger


def test_several_connections_of_a_process_are_found_as_one(watched: Watched) -> None:
    with connected() as first, connected() as second:
        watched.changed(first, second)
        assert len(watched.found()) == 1
        assert len(watched.verdicts.drain()) == 2


def test_who_has_left_is_not_found(watched: Watched) -> None:
    with connected() as connection:
        watched.changed(connection)
        assert len(watched.found()) == 1
        connection.is_open = False
        watched.changed(connection)
        assert watched.found() == ()


def test_who_is_gone_before_the_look_up_is_not_looked_up(watched: Watched, monkeypatch) -> None:
    looked_up: list[Ends] = []
    asked, answer = threading.Event(), threading.Event()

    def slow(ends: Ends) -> Peer:
        looked_up.append(ends)
        asked.set()
        answer.wait()
        return Peer()

    monkeypatch.setattr(peer_watch, "find_peer", slow)
    with connected() as first, connected() as gone:
        watched.changed(first)
        asked.wait()
        watched.changed(gone)
        gone.is_open = False
        watched.changed(gone)
        answer.set()
        assert watched.found() == (Peer(),)
        assert looked_up == [first.ends]
        assert [verdict.connection for verdict in watched.verdicts.drain()] == [first]


def test_an_answer_that_comes_when_its_connection_is_gone_is_not_anothers(
    watched: Watched, monkeypatch
) -> None:
    asked, answer = threading.Event(), threading.Event()
    first = Peer(pid=1)

    def slow(ends: Ends) -> Peer:
        asked.set()
        answer.wait()
        return first if ends is gone.ends else Peer(pid=2)

    monkeypatch.setattr(peer_watch, "find_peer", slow)
    with connected() as gone, connected() as successor:
        successor.descriptor = gone.descriptor  # it is given again
        watched.changed(gone)
        asked.wait()
        gone.is_open = False
        watched.changed(gone)
        watched.changed(successor)
        answer.set()
        assert watched.found() == (Peer(pid=2),)
        told = {verdict.connection: verdict.peer for verdict in watched.verdicts.drain()}
        assert told[successor] == Peer(pid=2)
        assert told.get(gone, first) == first


def test_a_look_up_that_fails_tells_of_an_unknown_peer(watched: Watched, monkeypatch) -> None:
    monkeypatch.setattr(peer_watch, "find_peer", lambda ends: 1 / 0)
    with connected() as connection:
        watched.changed(connection)
        assert watched.verdicts.get() == Verdict(
            connection=connection, peer=Peer(), is_stranger=False
        )


def test_a_connection_without_ends_is_of_an_unknown_peer(watched: Watched) -> None:
    watched.changed(Connection(7))
    assert watched.verdicts.get().peer == Peer()


def test_without_a_connection_the_answer_is_nobody(watched: Watched) -> None:
    assert watched.found() == ()


def test_closing_ends_its_thread_and_answers_what_comes_later(watched: Watched) -> None:
    with connected() as connection:
        watched.changed(connection)
        watched.verdicts.get()
        (thread,) = threads()
        watched.watch.close()
        watched.watch.close()
        assert settled(lambda: not thread.is_alive())
        assert watched.found() == ()
        watched.changed(connection)
        watched.watch.know(None)
