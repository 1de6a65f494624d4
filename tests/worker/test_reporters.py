"""Who would report to an address is found before a ZeroMQ socket is bound there, at no cost."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest
import zmq

from actors.worker.reporters import reporter_at
from tests.support.addresses import fixed_addresses, port_of
from tests.support.waiting import PATIENCE

QUEUED = 300


@pytest.fixture
def address() -> str:
    (address,) = fixed_addresses(1)
    return address


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    with zmq.Context() as context:
        context.linger = 0
        yield context


def subscribed(context: zmq.Context, address: str) -> zmq.Socket:
    sub = context.socket(zmq.SUB)
    sub.subscribe("")
    sub.rcvtimeo = int(PATIENCE * 1000)
    sub.bind(address)
    return sub


def test_a_publisher_that_has_lost_its_worker_is_found_and_keeps_what_it_has_queued(
    context, address
):
    with context.socket(zmq.PUB) as pub:
        pub.connect(address)
        with subscribed(context, address) as sub:
            while not sub.poll(20):
                pub.send_string("first")
        # What is sent once the loss is noticed stays.
        with pub.get_monitor_socket(zmq.EVENT_CONNECT_RETRIED) as monitor:
            assert monitor.poll(PATIENCE * 1000)
            pub.disable_monitor()
        for number in range(QUEUED):
            pub.send_string(str(number))
        found = [reporter_at(address) for _ in range(3)]
        assert any(peer is not None and peer.pid == os.getpid() for peer in found)
        with subscribed(context, address) as sub:
            assert [sub.recv_string() for _ in range(QUEUED)] == [str(n) for n in range(QUEUED)]


def test_whoever_else_connects_reports_nothing(context, address):
    end = threading.Event()

    def connect_again_and_again(text: bytes) -> None:
        while not end.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port_of(address)), PATIENCE) as other:
                    other.sendall(text)
                    other.recv(1)
            except OSError:
                end.wait(0.01)

    texts = (b"GET / HTTP/1.1\r\n\r\n", b"", b"\xff" * 10_000)
    threads = [threading.Thread(target=connect_again_and_again, args=(text,)) for text in texts]
    with context.socket(zmq.SUB) as sub:
        sub.connect(address)
        for thread in threads:
            thread.start()
        try:
            assert reporter_at(address) is None
        finally:
            end.set()
            for thread in threads:
                thread.join(PATIENCE)


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1:*", "tcp://no-such-name:9001", "tcp://127.0.0.1:70000", "ipc:///tmp/x", None],
)
def test_where_nobody_can_be_heard_nobody_is(address):
    assert reporter_at(address) is None


def test_an_address_in_use_is_left_to_whoever_binds_it(context, address):
    with subscribed(context, address), context.socket(zmq.PUB) as pub:
        pub.connect(address)
        assert reporter_at(address) is None
