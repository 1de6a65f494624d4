"""ProgressSocket: everything on the executor's thread, in order, and closed once."""

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import pytest
import zmq

from actors.progress_listener import socket
from actors.progress_listener.socket import (
    DRAIN_LIMIT,
    Drained,
    ProgressSocket,
    Undecodable,
)
from actors.settings import ReporterSettings
from actors.zmq_sockets import NotBoundError
from messages import Mailbox
from tests.support.addresses import FREE_PORT
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE, settled

T = TypeVar("T")


@pytest.fixture
def context() -> Iterator["zmq.Context[zmq.Socket[bytes]]"]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    context.term()


@pytest.fixture(autouse=True)
def no_poll_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine too, a poll goes on for as long as a test takes."""
    monkeypatch.setattr(socket, "LONGEST_POLL", 2 * PATIENCE)


class Opened:
    """A ProgressSocket that is bound, used on its own thread as its owner does."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        **settings: float,
    ) -> None:
        self.socket = ProgressSocket(ReporterSettings(**settings))  # type: ignore[arg-type]
        self.address = self.run(self.socket.open, context, FREE_PORT).address

    def close(self) -> None:
        self.socket.close().result(PATIENCE)

    @contextmanager
    def watched(self) -> Iterator[int]:
        """What says that something has come."""
        descriptor = self.socket.watched()
        assert descriptor is not None
        yield descriptor
        os.close(descriptor)

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        return self.socket.thread.submit(function, *arguments).result(PATIENCE)

    def collect(self, done: Callable[[list[str | Undecodable], Drained], bool]) -> list[Any]:
        """What comes until ``done`` says so; messages are on their way for a moment."""
        got: list[str | Undecodable] = []
        deadline = time.monotonic() + PATIENCE
        with self.watched() as watched:
            while time.monotonic() < deadline:
                is_readable(watched, within=0.05)
                drained = self.run(self.socket.drain)
                got += self.taken()
                if done(got, drained):
                    return got
        raise AssertionError(f"it did not come: {got[-3:]}, {drained}")

    def taken(self) -> list[str | Undecodable]:
        """What has been received."""
        received = self.socket.received
        return [received.popleft()[0] for _ in range(len(received))]

    def messages(self, count: int) -> list[Any]:
        return self.collect(lambda got, _: len(got) >= count)


class Receiver(Probe[str | Undecodable]):
    """Is told of each drain of a poll that goes on, and takes at once what it has brought."""

    def __init__(self, opened: Opened) -> None:
        super().__init__()
        self._opened = opened

    def tell(self, message: object, /) -> None:
        del message
        for taken in self._opened.taken():
            super().tell(taken)

    def poll_behind(self, trainer: StandInTrainer, *texts: str) -> Future[Drained]:
        """The poll that goes on behind the drain that has brought the last of ``texts``."""
        trainer.send(*texts)
        poll = polled_until(self._opened, self, lambda: self._messages.qsize() == len(texts))
        assert self.drain() == list(texts)
        return poll


def polled_until(
    opened: Opened, receiver: Mailbox[Drained], is_there: Callable[[], bool]
) -> Future[Drained]:
    """The poll during which it is there; one finds nothing when it was woken by a subscription."""
    with opened.watched() as watched:
        while True:
            assert is_readable(watched, within=PATIENCE)
            poll = opened.socket.poll(receiver)
            assert poll is not None
            while not (there := is_there()) and not poll.done():
                time.sleep(0.001)
            if there:
                return poll


def is_readable(descriptor: int, *, within: float) -> bool:
    return bool(select.select([descriptor], [], [], within)[0])


@contextmanager
def joined(opened: Opened) -> Iterator[StandInTrainer]:
    """A trainer that has joined; ZeroMQ lets it in while the socket is used, as it always is."""
    left = threading.Event()

    def use() -> None:
        while not left.wait(0.001):
            assert not opened.run(opened.socket.drain).count

    user = threading.Thread(target=use)
    user.start()
    try:
        trainer = StandInTrainer(progress_address=opened.address)
    finally:
        left.set()
        user.join(PATIENCE)
    with trainer:
        yield trainer


@pytest.fixture
def opened(context: "zmq.Context[zmq.Socket[bytes]]") -> Iterator[Opened]:
    with closing(Opened(context)) as opened:
        yield opened


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


def test_what_is_watched_is_readable_from_an_arrival_until_the_next_drain(opened: Opened) -> None:
    def is_dry() -> bool:
        opened.run(opened.socket.drain)
        return not is_readable(watched, within=0)

    with joined(opened) as trainer, opened.watched() as watched:
        for _ in range(3):
            assert settled(is_dry)
            trainer.send("a")
            assert is_readable(watched, within=PATIENCE)
            assert opened.messages(1) == ["a"]


def test_what_is_watched_can_be_watched_when_the_socket_is_closed(opened: Opened) -> None:
    with opened.watched() as watched:
        opened.socket.close().result(PATIENCE)
        is_readable(watched, within=0)
    assert opened.socket.watched() is None


@pytest.fixture
def patient(context: "zmq.Context[zmq.Socket[bytes]]") -> Iterator[Opened]:
    """Its polls go on for ever, and gather for ever what comes behind two."""
    with closing(Opened(context, poll_interval=PATIENCE, gather_interval=10 * PATIENCE)) as opened:
        yield opened


def test_a_poll_without_a_receiver_is_one_drain(opened: Opened) -> None:
    poll = opened.socket.poll()
    assert poll is not None
    assert poll.result(PATIENCE).count == 0


def test_a_poll_that_finds_nothing_is_over(patient: Opened) -> None:
    poll = patient.socket.poll(Receiver(patient))
    assert poll is not None
    assert poll.result(PATIENCE).count == 0


def test_a_poll_goes_on_as_long_as_messages_come(
    context: "zmq.Context[zmq.Socket[bytes]]",
) -> None:
    sent = [str(number) for number in range(20)]
    with closing(Opened(context, poll_interval=PATIENCE)) as opened, joined(opened) as trainer:
        receiver = Receiver(opened)
        poll = receiver.poll_behind(trainer, "first")
        for text in sent:
            trainer.send(text)
            receiver.expect(text)
        assert not poll.done()
        opened.socket.wake()
        assert poll.result(PATIENCE).count == 0


def test_a_poll_is_over_some_time_though_messages_come(
    context: "zmq.Context[zmq.Socket[bytes]]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interpreter that exits waits for it."""
    monkeypatch.setattr(socket, "LONGEST_POLL", 0.1)
    with closing(Opened(context, poll_interval=PATIENCE)) as opened, joined(opened) as trainer:
        poll = Receiver(opened).poll_behind(trainer, "first")

        def is_over() -> bool:
            trainer.send("another")
            return poll.done()

        assert settled(is_over)


def test_a_poll_that_goes_on_is_over_when_nothing_comes(
    context: "zmq.Context[zmq.Socket[bytes]]",
) -> None:
    with closing(Opened(context, poll_interval=0.01)) as opened, joined(opened) as trainer:
        assert Receiver(opened).poll_behind(trainer, "a").result(PATIENCE).count == 0


def test_what_comes_behind_two_is_gathered_until_the_poll_is_woken(patient: Opened) -> None:
    with joined(patient) as trainer, patient.watched() as watched:
        receiver = Receiver(patient)
        poll = receiver.poll_behind(trainer, "1", "2")
        trainer.send("3")
        assert is_readable(watched, within=PATIENCE)
        patient.socket.wake()
        assert poll.result(PATIENCE).count == 1
        assert not receiver.drain()
        assert patient.taken() == ["3"]


def test_a_poll_is_over_when_what_it_told_of_is_not_taken(patient: Opened) -> None:
    told: Probe[Drained] = Probe()
    with joined(patient) as trainer:
        trainer.send("1")
        poll = polled_until(patient, told, lambda: bool(patient.socket.received))
        told.get()
        assert not poll.done()
        trainer.send("2")
        assert poll.result(PATIENCE).count == 1
        assert patient.taken() == ["1", "2"]


def test_a_poll_that_goes_on_does_not_hold_up_the_close(patient: Opened) -> None:
    with joined(patient) as trainer:
        polls = [Receiver(patient).poll_behind(trainer, "1"), patient.socket.poll()]
        patient.socket.close().result(PATIENCE)
        assert all(poll is not None and poll.result(0).count == 0 for poll in polls)
        patient.socket.wake()  # nothing to wake any more


def test_wakes_that_nobody_waits_for_are_not_too_many(patient: Opened) -> None:
    for _ in range(10_000):
        patient.socket.wake()
    with joined(patient) as trainer:
        assert Receiver(patient).poll_behind(trainer, "1").result(PATIENCE).count == 0


def test_no_poll_can_be_had_once_the_close_is_due(opened: Opened) -> None:
    polls = [opened.socket.poll() for _ in range(3)]
    closed = opened.socket.close()
    assert opened.socket.poll() is None
    closed.result(PATIENCE)
    assert all(poll is not None and poll.done() for poll in polls)


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
    with pytest.raises(RuntimeError, match="shutdown"):
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
