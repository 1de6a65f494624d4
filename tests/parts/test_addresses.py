"""Addresses: bound as told, or a reason for a person."""

import pytest
import zmq

from actors.addresses import bind, why_not_bound
from tests.conftest import FREE_PORT
from tests.support.ports import fixed_addresses


def test_a_socket_is_bound_where_it_is_told() -> None:
    (address,) = fixed_addresses(1)
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        assert bind(socket, address) == address


def test_a_free_port_is_named() -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        assert bind(socket, FREE_PORT).startswith("tcp://127.0.0.1:")
        assert not bind(socket, FREE_PORT).endswith("*")


def test_a_port_beyond_65535_is_refused_and_not_another_one_taken() -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        with pytest.raises(zmq.ZMQError):
            bind(socket, "tcp://127.0.0.1:99999999")
        assert not socket.get(zmq.LAST_ENDPOINT).strip(b"\0")


@pytest.mark.parametrize(
    ("errno", "hint"),
    [
        (zmq.EADDRINUSE, "in use"),
        (zmq.EADDRNOTAVAIL, "no such interface"),
        (19, "no such interface"),
        (13, "not permitted"),
        (22, "Invalid argument: an address looks like tcp://127.0.0.1:9000"),
    ],
)
def test_why_an_address_was_not_bound_says_what_to_do(errno: int, hint: str) -> None:
    reason = why_not_bound("the socket", "tcp://127.0.0.1:80", zmq.ZMQError(errno))
    assert reason.startswith("the socket cannot be bound to tcp://127.0.0.1:80: ")
    assert hint in reason
