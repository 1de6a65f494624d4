"""Connections: one peer, however many connections it has."""

import zmq

from actors.zmq_sockets import ConnectionEvent, Connections

ACCEPTED, JOINED, LEFT = (
    zmq.EVENT_ACCEPTED,
    zmq.EVENT_HANDSHAKE_SUCCEEDED,
    zmq.EVENT_DISCONNECTED,
)


def after(*events: tuple[int, int], connections: Connections | None = None) -> Connections:
    connections = Connections() if connections is None else connections
    for event, descriptor in events:
        connections.take(ConnectionEvent(event=event, descriptor=descriptor))
    return connections


def test_nobody_has_joined_at_first() -> None:
    connections = Connections()
    assert (connections.any, connections.joined) == (False, False)


def test_a_peer_has_joined_with_its_handshake_and_not_before() -> None:
    connections = after((ACCEPTED, 7))
    assert (connections.any, connections.joined) == (True, False)
    assert after((JOINED, 0), connections=connections).joined


def test_a_peer_has_left_when_its_last_connection_is_gone() -> None:
    connections = after((ACCEPTED, 7), (JOINED, 0), (ACCEPTED, 8), (JOINED, 0), (LEFT, 7))
    assert connections.joined
    after((LEFT, 8), connections=connections)
    assert (connections.any, connections.joined) == (False, False)


def test_a_peer_without_a_handshake_never_joins_and_does_not_stay() -> None:
    connections = after((ACCEPTED, 7), (LEFT, 7))
    assert (connections.any, connections.joined) == (False, False)


def test_a_peer_that_is_leaving_does_not_count_until_another_one_joins() -> None:
    connections = after((ACCEPTED, 7), (JOINED, 0))
    connections.await_next()
    assert (connections.any, connections.joined) == (True, False)
    assert after((ACCEPTED, 8), (JOINED, 0), (LEFT, 7), connections=connections).joined
    assert not after((LEFT, 8), connections=connections).joined


def test_a_closed_socket_has_no_peer() -> None:
    connections = after((ACCEPTED, 7), (JOINED, 0))
    connections.close()
    assert (connections.any, connections.joined) == (False, False)
