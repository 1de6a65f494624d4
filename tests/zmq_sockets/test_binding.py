"""Addresses: bound as told, or a reason for a person."""

import errno
import os
import socket as socketlib
from contextlib import ExitStack

import pytest
import zmq

from actors.zmq_sockets import (
    Bound,
    NotBoundError,
    bind,
    port_of,
    who_listens_at,
    why_not_open,
)
from tests.support.addresses import FREE_PORT, fixed_addresses, occupied


@pytest.fixture
def socket():
    with zmq.Context() as context, context.socket(zmq.PUB) as made:
        yield made


def test_a_socket_is_bound_where_it_is_told(socket):
    (address,) = fixed_addresses(1)
    assert bind("the socket", socket, address) == Bound(address=address, conflict=None)


def test_a_free_port_is_named(socket):
    for _ in range(2):
        bound = bind("the socket", socket, FREE_PORT)
        assert port_of(bound.address) > 0
        assert bound.conflict is None


def test_a_port_beyond_65535_is_refused_and_not_another_one_taken(socket):
    with pytest.raises(NotBoundError):
        bind("the socket", socket, "tcp://127.0.0.1:99999999")
    assert not socket.get(zmq.LAST_ENDPOINT).strip(b"\0")


def test_an_address_in_use_is_named_with_the_process_that_uses_it(socket):
    (address,) = fixed_addresses(1)
    with occupied(address), pytest.raises(NotBoundError) as refusal:
        bind("the socket", socket, address)
    reason = str(refusal.value)
    assert reason.startswith(f"the socket cannot be bound to {address}: the address is in use by")
    assert f"process {os.getpid()} (" in reason
    assert "this process" in reason
    assert "takes a free port" in reason


def test_in_place_of_an_address_in_use_a_free_port_is_taken_when_that_is_wanted(socket):
    (address,) = fixed_addresses(1)
    with occupied(address):
        bound = bind("the socket", socket, address, free_port_if_in_use=True)
    assert bound.address.startswith("tcp://127.0.0.1:")
    assert bound.address != address
    assert bound.conflict is not None
    assert bound.conflict.startswith(f"{address} is in use by process {os.getpid()}")


def test_an_address_that_is_free_is_kept_also_when_a_free_port_would_do(socket):
    (address,) = fixed_addresses(1)
    bound = bind("the socket", socket, address, free_port_if_in_use=True)
    assert bound == Bound(address=address, conflict=None)


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("tcp://192.0.2.77:9000", "no such interface"),
        ("tcp://127.0.0.1:70000", "Invalid argument: an address looks like tcp://127.0.0.1:9000"),
        ("nonsense", "an address looks like"),
    ],
)
def test_why_an_address_was_not_bound_says_what_to_do(socket, address, hint):
    for free_port in (False, True):
        with pytest.raises(NotBoundError) as refusal:
            bind("the socket", socket, address, free_port_if_in_use=free_port)
        reason = str(refusal.value)
        assert reason.startswith(f"the socket cannot be bound to {address}: ")
        assert hint in reason
        assert why_not_open("the socket", refusal.value) == reason


def test_who_listens_at_the_same_port_of_another_address_is_not_named(socket):
    (address,) = fixed_addresses(1)
    port = port_of(address)
    with socketlib.create_server(("127.0.0.2", port)), occupied(address):
        assert who_listens_at("127.0.0.3", port) == ""
        assert f"process {os.getpid()}" in who_listens_at("127.0.0.2", port)
        assert f"process {os.getpid()}" in who_listens_at("*", port)


def test_an_ipc_address_in_use_is_not_taken_over(socket, tmp_path):
    address = f"ipc://{tmp_path}/socket"
    assert bind("the socket", socket, address).address == address
    with (
        zmq.Context() as context,
        context.socket(zmq.PUB) as other,
        pytest.raises(NotBoundError, match="in use"),
    ):
        bind("the other one", other, address)


def test_an_ipc_address_that_a_killed_process_left_is_taken(socket, tmp_path):
    with socketlib.socket(socketlib.AF_UNIX) as left:
        left.bind(f"{tmp_path}/socket")
    assert bind("the socket", socket, f"ipc://{tmp_path}/socket")


@pytest.mark.parametrize("name", ["labels.slp", "@labels.slp", "l" * 120])
def test_an_ipc_address_that_names_a_file_is_refused_and_the_file_stays(
    socket, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("three weeks of work")
    with pytest.raises(NotBoundError, match="what is there is no socket that a program has left"):
        bind("the socket", socket, f"ipc://{name}")
    assert (tmp_path / name).read_text() == "three weeks of work"


def test_an_ipc_address_that_names_a_link_or_another_kind_of_socket_is_refused(socket, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with socketlib.socket(socketlib.AF_UNIX, socketlib.SOCK_DGRAM) as other:
        other.bind(f"{tmp_path}/datagrams")
        for name in ("link", "datagrams"):
            with pytest.raises(NotBoundError, match="and stays: choose another path"):
                bind("the socket", socket, f"ipc://{tmp_path}/{name}")
    assert {path.name for path in tmp_path.iterdir()} == {"link", "datagrams"}


def test_an_ipc_address_whose_owner_accepts_nobody_is_in_use(socket, tmp_path):
    path = f"{tmp_path}/socket"
    with ExitStack() as sockets:
        busy = sockets.enter_context(socketlib.socket(socketlib.AF_UNIX))
        busy.bind(path)
        busy.listen(0)
        is_full = False
        while not is_full:
            waiting = sockets.enter_context(socketlib.socket(socketlib.AF_UNIX))
            waiting.setblocking(False)
            is_full = waiting.connect_ex(path) == errno.EAGAIN
        with pytest.raises(NotBoundError, match="the address is in use"):
            bind("the socket", socket, f"ipc://{path}")


def test_an_ipv6_address_is_bound(socket):
    assert bind("the socket", socket, "tcp://[::1]:*").address.startswith("tcp://[::1]:")


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:90\0:1", "tcp://127.0.0.1:" + "9" * 5_000, "tcp://127.0.0.1:-1"]
)
def test_an_address_of_which_libzmq_would_read_a_part_is_refused(socket, address):
    with pytest.raises(NotBoundError):
        bind("the socket", socket, address)
    assert not socket.get(zmq.LAST_ENDPOINT).strip(b"\0")


def test_a_socket_that_cannot_be_made_is_named():
    reason = why_not_open("the socket", zmq.ZMQError(24))
    assert reason == "the socket cannot be made: Too many open files"
