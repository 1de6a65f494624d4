"""ProgressSocket: everything on the executor's thread, in order, and closed once."""

import threading
from typing import Any

import pytest
import zmq

from actors.progress_listener.socket import (
    DRAIN_LIMIT,
    Drained,
    ProgressSocket,
    Undecodable,
)
from actors.settings import ReporterSettings
from actors.zmq_sockets import NotBoundError
from tests.support.opened_socket import Opened, joined
from tests.support.waiting import PATIENCE, settled


def test_the_address_names_the_port_that_the_system_gave(opened: Opened) -> None:
    host, port = opened.address.rsplit(":", 1)
    assert host == "tcp://127.0.0.1"
    assert int(port) > 0


def test_an_empty_socket_gives_none_and_an_empty_drain(opened: Opened) -> None:
    assert opened.run(opened.socket.receive) is None
    drained = opened.run(opened.socket.drain)
    assert drained == Drained(0, more=False, connected=False, at=drained.at)


def test_messages_of_every_topic_come_in_order(opened: Opened) -> None:
    sent = ["a", "é\U0001f600", "{}", "\x00"]
    with joined(opened) as trainer:
        trainer.send(*sent)
        assert opened.messages(4) == sent


def test_what_is_not_utf_8_is_undecodable_and_named(opened: Opened) -> None:
    with joined(opened) as trainer:
        trainer.send_bytes(b"\xff\xfe bad")
        trainer.send("good")
        bad, good = opened.messages(2)
    assert bad == Undecodable("6 bytes that are not UTF-8: b'\\xff\\xfe bad'")
    assert good == "good"


def test_an_empty_message_is_undecodable(opened: Opened) -> None:
    with joined(opened) as trainer:
        trainer.send_bytes(b"")
        trainer.send("good")
        assert opened.messages(2) == [Undecodable("an empty message"), "good"]


@pytest.mark.parametrize("first", [b"topic", b"\xff", b""])
def test_all_frames_of_a_multipart_message_are_discarded_together(
    opened: Opened, first: bytes
) -> None:
    with joined(opened) as trainer:
        trainer.send_bytes(first, b"two", b"three")
        trainer.send("good")
        bad, good = opened.messages(2)
    assert isinstance(bad, Undecodable)
    assert "3 frames" in bad.what
    assert good == "good"


def test_the_complaint_about_a_bad_message_is_short(opened: Opened) -> None:
    with joined(opened) as trainer:
        trainer.send_bytes(b"\xff" * 10_000)
        trainer.send_bytes(b"x" * 10_000, b"y" * 10_000)
        for bad in opened.messages(2):
            assert len(bad.what) < 400


def test_a_drain_ends_at_its_limit_and_says_that_there_may_be_more(opened: Opened) -> None:
    sent = [str(number) for number in range(3 * DRAIN_LIMIT)]
    drains: list[Drained] = []
    # Messages may arrive in portions; a few times over, more than one drain's worth is there.
    for _ in range(20):
        with joined(opened) as trainer:
            trainer.send(*sent)
        got: list[Any] = []
        while len(got) < len(sent):
            drains.append(opened.run(opened.socket.drain))
            got += opened.taken()
        assert got == sent
    assert all(drained.more == (drained.count == DRAIN_LIMIT) for drained in drains)
    assert any(drained.more for drained in drains)
    assert max(drained.count for drained in drains) == DRAIN_LIMIT


def test_a_drain_says_whether_a_trainer_is_connected(opened: Opened) -> None:
    with joined(opened), joined(opened):
        opened.collect(lambda _, drained: drained.connected)
    opened.collect(lambda _, drained: not drained.connected)


def test_one_of_two_connections_that_is_left_counts_as_connected(opened: Opened) -> None:
    with joined(opened) as stays:
        with joined(opened) as leaves:
            leaves.send("from the one that leaves")
        assert opened.messages(1) == ["from the one that leaves"]
        stays.send("from the one that stays")
        assert opened.messages(1) == ["from the one that stays"]
        assert opened.run(opened.socket.drain).connected
    opened.collect(lambda _, drained: not drained.connected)


def test_what_a_trainer_sent_is_there_when_its_connection_is_seen_to_be_gone(
    opened: Opened,
) -> None:
    sent = [str(number) for number in range(900)]
    with joined(opened) as trainer:
        trainer.send(*sent)
    got = opened.collect(
        lambda got, drained: not drained.connected and not drained.more and len(got) > 0
    )
    assert got == sent


def test_an_address_in_use_raises_and_close_leaves_nothing(
    context: "zmq.Context[zmq.Socket[bytes]]", opened: Opened
) -> None:
    second = ProgressSocket(ReporterSettings())
    with pytest.raises(NotBoundError) as refused:
        second.thread.submit(second.open, context, opened.address).result(PATIENCE)
    assert "in use" in str(refused.value)
    second.close().result(PATIENCE)


def test_a_socket_that_was_never_opened_can_be_closed() -> None:
    socket = ProgressSocket(ReporterSettings())
    socket.close().result(PATIENCE)


def test_closing_twice_and_from_many_threads_is_one_close(
    context: "zmq.Context[zmq.Socket[bytes]]",
) -> None:
    opened = Opened(context)
    futures: list[Any] = []
    threads = [
        threading.Thread(target=lambda: futures.append(opened.socket.close())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    futures.append(opened.socket.close())
    assert len(futures) == 9
    assert len(set(map(id, futures))) == 1
    futures[0].result(PATIENCE)


def test_close_waits_behind_what_runs_on_the_thread_and_frees_the_address(
    context: "zmq.Context[zmq.Socket[bytes]]",
) -> None:
    opened = Opened(context)
    gate = threading.Event()
    running = opened.socket.thread.submit(gate.wait, PATIENCE)
    receiving = opened.socket.thread.submit(opened.socket.receive)
    closing = opened.socket.close()
    assert not closing.done()
    gate.set()
    closing.result(PATIENCE)
    assert running.result(PATIENCE)
    assert receiving.result(PATIENCE) is None
    assert settled(lambda: binds(context, opened.address))  # libzmq lets go a moment later


def binds(context: "zmq.Context[zmq.Socket[bytes]]", address: str) -> bool:
    """Whether another ``ProgressSocket`` can be bound to ``address``."""
    again = ProgressSocket(ReporterSettings())
    try:
        bound = again.thread.submit(again.open, context, address).result(PATIENCE)
        return bound.address == address
    except NotBoundError:
        return False
    finally:
        again.close().result(PATIENCE)


def test_the_thread_takes_no_more_work_once_the_close_is_due(
    context: "zmq.Context[zmq.Socket[bytes]]",
) -> None:
    opened = Opened(context)
    opened.socket.close().result(PATIENCE)
    with pytest.raises(RuntimeError, match="told to end"):
        opened.socket.thread.submit(opened.socket.receive)


def test_closing_leaves_nothing_for_the_context_to_wait_for() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    opened = Opened(context)
    with joined(opened) as trainer:
        trainer.send("never received")
        opened.socket.close().result(PATIENCE)
        reaper = threading.Thread(target=context.term)
        reaper.start()
        reaper.join(PATIENCE)
        assert not reaper.is_alive()
