"""ProgressSocket's polls: how long one goes on, what it tells, and what ends it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing

import pytest
import zmq

from actors.progress_listener.socket import Drained, ProgressSocket, Undecodable
from messages import Mailbox
from tests.support.opened_socket import Opened, is_readable, joined
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE, settled


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
    """The poll that finds what has been sent, as soon as it is there."""
    opened.wait_for_arrival()
    poll = opened.socket.poll(receiver)
    assert poll is not None
    assert settled(is_there)
    return poll


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


def test_wakes_that_nobody_waits_for_are_not_too_many_and_end_no_later_poll(
    patient: Opened,
) -> None:
    for _ in range(10_000):
        patient.socket.wake()
    with joined(patient) as trainer:
        poll = Receiver(patient).poll_behind(trainer, "1")
        assert not poll.done()
        patient.socket.wake()
        assert poll.result(PATIENCE).count == 0


def test_no_poll_can_be_had_once_the_close_is_due(opened: Opened) -> None:
    polls = [opened.socket.poll() for _ in range(3)]
    closed = opened.socket.close()
    assert opened.socket.poll() is None
    closed.result(PATIENCE)
    assert all(poll is not None and poll.done() for poll in polls)


def test_what_comes_after_a_poll_is_told_before_the_next(opened: Opened) -> None:
    receiver = Receiver(opened)
    with joined(opened) as trainer:
        for text in ("1", "2", "3"):
            poll = opened.socket.poll(receiver)
            assert poll is not None
            assert poll.result(PATIENCE).count == 0
            trainer.send(text)
            receiver.expect(text)


def test_the_poll_behind_what_came_goes_on(patient: Opened) -> None:
    receiver = Receiver(patient)
    with joined(patient) as trainer:
        first = patient.socket.poll(receiver)
        assert first is not None
        first.result(PATIENCE)
        trainer.send("1")
        receiver.expect("1")
        second = patient.socket.poll(receiver)
        trainer.send("2")
        receiver.expect("2")
        assert second is not None
        assert not second.done()


def test_polls_that_follow_at_once_lose_nothing(opened: Opened) -> None:
    sent = [str(number) for number in range(1000)]
    got: list[str | Undecodable] = []

    def is_all() -> bool:
        poll = opened.socket.poll(told)
        assert poll is not None
        poll.result(PATIENCE)
        got.extend(opened.taken())
        return len(got) >= len(sent)

    told: Probe[Drained] = Probe()
    with joined(opened) as trainer:
        sender = threading.Thread(target=trainer.send, args=sent)
        sender.start()
        assert settled(is_all)
        sender.join()
    assert got == sent


def test_what_is_told_after_a_poll_and_not_taken_is_left_to_the_next(opened: Opened) -> None:
    """Of a loop that is stuck: what comes then waits in the socket, which has a limit."""
    told: Probe[Drained] = Probe()
    with joined(opened) as trainer:
        first = opened.socket.poll(told)
        assert first is not None
        first.result(PATIENCE)
        trainer.send("1")
        assert told.get().count == 1
        trainer.send("2")
        opened.wait_for_arrival()
        assert len(opened.socket.received) == 1
        second = opened.socket.poll(told)
        assert second is not None
        assert second.result(PATIENCE).count == 1
        assert opened.taken() == ["1", "2"]
        assert told.drain() == []


@pytest.mark.parametrize("end", [ProgressSocket.wake, ProgressSocket.poll, ProgressSocket.close])
def test_the_wait_behind_a_poll_is_ended(
    opened: Opened, end: Callable[[ProgressSocket], object]
) -> None:
    poll = opened.socket.poll(Receiver(opened))
    assert poll is not None
    poll.result(PATIENCE)
    behind = opened.socket.thread.submit(threading.get_ident)
    end(opened.socket)
    behind.result(PATIENCE)


@pytest.mark.parametrize("end", [ProgressSocket.wake, ProgressSocket.poll, ProgressSocket.close])
def test_what_is_submitted_behind_the_next_poll_ends_that_one_too(
    opened: Opened, end: Callable[[ProgressSocket], object]
) -> None:
    """The wait behind the first poll takes what is sent for both."""
    for _ in range(2):
        poll = opened.socket.poll(Receiver(opened))
        assert poll is not None
        poll.result(PATIENCE)
    opened.socket.poll(Receiver(opened))
    behind = opened.socket.thread.submit(threading.get_ident)
    end(opened.socket)
    behind.result(PATIENCE)
