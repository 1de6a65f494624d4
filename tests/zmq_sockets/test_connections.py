"""Connections: who is connected, and whose a handshake is."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import zmq

from actors.zmq_sockets import Connection, Connections

ACCEPTED, JOINED, LEFT = (
    zmq.EVENT_ACCEPTED,
    zmq.EVENT_HANDSHAKE_SUCCEEDED,
    zmq.EVENT_DISCONNECTED,
)


@pytest.fixture
def connections() -> Iterator[Connections]:
    with zmq.Context() as context, context.socket(zmq.PUB) as watched:
        connections = Connections(watched)
        yield connections
        connections.switch_off()
        connections.close()


def take(connections: Connections, *events: tuple[int, int]) -> list[list[Connection]]:
    """The connections that join or leave by each of ``events``."""
    changes = [connections.take(event, descriptor) for event, descriptor in events]
    assert all(change.has_left is not change.connection.is_open for c in changes for change in c)
    return [[change.connection for change in c] for c in changes]


def test_nobody_is_connected_at_first(connections: Connections) -> None:
    assert connections.follow() == []
    assert not connections.any


def test_a_peer_joins_with_its_handshake_and_not_before(connections: Connections) -> None:
    accepted, (joined,) = take(connections, (ACCEPTED, 7), (JOINED, 0))
    assert accepted == []
    assert (joined.descriptor, joined.is_open, joined.has_joined) == (7, True, True)
    assert connections.any


def test_a_peer_leaves_as_the_same_connection_that_it_joined_as(connections: Connections) -> None:
    (first,) = take(connections, (ACCEPTED, 7), (JOINED, 0))[1]
    (second,) = take(connections, (ACCEPTED, 8), (JOINED, 0))[1]
    ((left,),) = take(connections, (LEFT, 7))
    assert left is first
    assert (first.is_open, second.is_open, connections.any) == (False, True, True)
    take(connections, (LEFT, 8))
    assert not connections.any


def test_a_descriptor_that_is_given_again_is_another_connection(connections: Connections) -> None:
    (first,) = take(connections, (ACCEPTED, 7), (JOINED, 0))[1]
    take(connections, (LEFT, 7))
    (second,) = take(connections, (ACCEPTED, 7), (JOINED, 0))[1]
    assert first is not second
    assert (first.is_open, second.is_open) == (False, True)


def test_an_end_that_was_not_told_is_one_when_the_descriptor_is_given_again(
    connections: Connections,
) -> None:
    (first,) = take(connections, (ACCEPTED, 7), (JOINED, 0))[1]
    ((left,),) = take(connections, (ACCEPTED, 7))
    assert left is first
    assert not first.is_open


def test_a_peer_without_a_handshake_never_joins_and_does_not_leave(
    connections: Connections,
) -> None:
    assert take(connections, (ACCEPTED, 7), (LEFT, 7)) == [[], []]
    assert not connections.any


def test_a_closed_socket_has_no_peer(connections: Connections) -> None:
    (joined,) = take(connections, (ACCEPTED, 7), (JOINED, 0))[1]
    connections.switch_off()
    connections.close()
    assert (connections.any, joined.is_open) == (False, False)


@pytest.fixture
def accepted() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """Two connections of which the first says nothing: the client's end and the accepted one."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        pairs = []
        for _ in range(2):
            client = stack.enter_context(socket.create_connection(server.getsockname()))
            pairs.append((client, stack.enter_context(server.accept()[0])))
        pairs[1][0].sendall(b"a greeting")
        yield pairs


def test_a_handshake_is_not_that_of_a_connection_that_has_said_nothing(
    connections: Connections, accepted
) -> None:
    (_, silent), (_, speaks) = accepted
    assert speaks.recv(10, socket.MSG_PEEK)  # it has arrived
    take(connections, (ACCEPTED, silent.fileno()), (ACCEPTED, speaks.fileno()))
    ((joined,),) = take(connections, (JOINED, 0))
    assert joined.descriptor == speaks.fileno()
