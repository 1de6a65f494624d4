"""ControlSocketActor: who the trainer is, and when it is ready for a command."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import zmq

from actors.control_socket.actor import SUBSCRIBE_TIMEOUT
from messages import (
    AwaitNextTrainer,
    ControlHeld,
    ControlPublished,
    ControlRejected,
    ForgetStop,
    TrainerConnected,
    TrainerDisconnected,
)
from tests.conftest import settled
from tests.parts.control_bench import SETTLE, ControlBench, control_bench, wait_until_subscribed
from tests.parts.freed_addresses import is_served
from tests.support.clock import ManualScheduler
from tests.support.trainer import StandInTrainer


@contextmanager
def connected_without_subscription(address: str) -> Iterator[None]:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.connect(address)
        yield


@pytest.fixture
def bench() -> Iterator[ControlBench]:
    with control_bench() as bench:
        yield bench


def test_a_command_before_the_handshake_is_held_until_exactly_the_settle_time_after_it(
    bench: ControlBench,
) -> None:
    address = bench.open()
    replies = bench.publish()
    replies.expect(ControlHeld())
    bench.clock.advance(10 * SETTLE)  # the time before the handshake does not count
    with StandInTrainer(control_address=address):
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE - 0.01)
        bench.barrier()
        assert replies.drain() == []
        bench.clock.advance(0.01)
        replies.expect(ControlPublished())


def test_a_command_within_the_settle_time_is_held_too(bench: ControlBench) -> None:
    with StandInTrainer(control_address=bench.open()):
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE / 2)
        replies = bench.publish()
        replies.expect(ControlHeld())
        bench.clock.advance(SETTLE / 2)
        replies.expect(ControlPublished())


def test_after_the_settle_time_a_command_is_published_at_once(bench: ControlBench) -> None:
    with StandInTrainer(control_address=bench.open()):
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        bench.publish().expect(ControlPublished())


def test_a_trainer_that_leaves_within_the_settle_time_takes_nothing_with_it(
    bench: ControlBench,
) -> None:
    address = bench.open()
    replies = bench.publish()
    replies.expect(ControlHeld())
    with StandInTrainer(control_address=address):
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE / 2)
    bench.parent.expect(TrainerDisconnected())
    bench.clock.advance(SETTLE)
    bench.barrier()
    assert replies.drain() == []
    with StandInTrainer(control_address=address):
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE - 0.01)
        bench.barrier()
        assert replies.drain() == []
        bench.clock.advance(0.01)
        replies.expect(ControlPublished())


def test_a_command_after_the_trainer_has_left_is_held(bench: ControlBench) -> None:
    with StandInTrainer(control_address=bench.open()):
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
    bench.parent.expect(TrainerDisconnected())
    bench.barrier()
    bench.publish().expect(ControlHeld())


def test_several_connections_are_one_trainer_while_any_is_left(bench: ControlBench) -> None:
    address = bench.open()
    with StandInTrainer(control_address=address):
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        for _ in range(3):
            with StandInTrainer(control_address=address):
                bench.publish().expect(ControlPublished())
        bench.publish().expect(ControlPublished())
    bench.parent.expect(TrainerDisconnected())
    assert bench.parent.drain() == []


def test_the_connection_that_came_first_may_leave_first(bench: ControlBench) -> None:
    address = bench.open()
    first = StandInTrainer(control_address=address)
    bench.wait_for_trainer()
    bench.clock.advance(SETTLE)
    with StandInTrainer(control_address=address) as second:
        wait_until_subscribed(bench, second)
        first.close()
        bench.publish("still there")
        assert second.command() == "still there"
    bench.parent.expect(TrainerDisconnected())
    assert bench.parent.drain() == []


def test_a_second_connection_does_not_prolong_the_settle_time(bench: ControlBench) -> None:
    address = bench.open()
    with StandInTrainer(control_address=address):
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE / 2)
        with StandInTrainer(control_address=address):
            bench.barrier()
            bench.clock.advance(SETTLE / 2)
            bench.barrier()
            bench.publish().expect(ControlPublished())


def test_a_connection_without_a_handshake_is_no_trainer(bench: ControlBench) -> None:
    address = bench.open()
    host, port = address.removeprefix("tcp://").split(":")
    replies = bench.publish()
    replies.expect(ControlHeld())
    with socket.create_connection((host, int(port))) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with StandInTrainer(control_address=address):
        bench.wait_for_trainer()  # the first that is told
        assert replies.drain() == []
        bench.clock.advance(SETTLE)
        replies.expect(ControlPublished())
    bench.parent.expect(TrainerDisconnected())
    bench.barrier()
    assert bench.parent.drain() == []


def test_the_next_job_rejects_what_is_held(bench: ControlBench) -> None:
    bench.open()
    replies = bench.publish()
    replies.expect(ControlHeld())
    bench.ref.tell(AwaitNextTrainer())
    assert isinstance(replies.get(), ControlRejected)


def test_a_stop_is_published_to_each_trainer_that_joins_later(bench: ControlBench) -> None:
    address = bench.open()
    with StandInTrainer(control_address=address) as stranger:
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        bench.publish().expect(ControlPublished())
        bench.publish("other").expect(ControlPublished())
        with StandInTrainer(control_address=address) as trainer:
            assert settled(lambda: bench.clock.waiting(SETTLE))
            bench.clock.advance(SETTLE)
            assert trainer.command() == "STOP"
            assert [stranger.command() for _ in range(3)] == ["STOP", "other", "STOP"]
            assert not trainer.has_command()


@pytest.mark.parametrize("used_up_by", [ForgetStop, AwaitNextTrainer])
def test_a_stop_that_is_used_up_does_not_reach_the_next_trainer(
    bench: ControlBench, used_up_by: Any
) -> None:
    address = bench.open()
    with StandInTrainer(control_address=address) as former:
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        bench.publish().expect(ControlPublished())
        assert former.command() == "STOP"
        bench.ref.tell(used_up_by())
    bench.parent.expect(TrainerDisconnected())
    with StandInTrainer(control_address=address) as trainer:
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        bench.publish("next").expect(ControlPublished())
        assert trainer.command() == "next"


def test_a_stop_that_is_held_is_not_used_up_by_the_end_of_a_former_training(
    bench: ControlBench,
) -> None:
    address = bench.open()
    replies = bench.publish()
    replies.expect(ControlHeld())
    bench.ref.tell(ForgetStop())
    with StandInTrainer(control_address=address) as trainer:
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        replies.expect(ControlPublished())
        assert trainer.command() == "STOP"


def test_the_former_trainers_connection_does_not_make_the_socket_ready(
    bench: ControlBench,
) -> None:
    address = bench.open()
    with StandInTrainer(control_address=address) as former:
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        wait_until_subscribed(bench, former)
        bench.ref.tell(AwaitNextTrainer())
        bench.parent.expect(TrainerDisconnected())
        for_the_next = bench.publish("for the next")
        for_the_next.expect(ControlHeld())
        bench.clock.advance(10 * SETTLE)
        bench.barrier()
        assert for_the_next.drain() == []
        assert not former.has_command()
    bench.barrier()
    assert bench.parent.drain() == []  # that it has left is no news


def test_the_next_trainers_handshake_makes_the_socket_ready_again(bench: ControlBench) -> None:
    address = bench.open()
    with StandInTrainer(control_address=address):
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        bench.barrier()
        bench.ref.tell(AwaitNextTrainer())
        bench.parent.expect(TrainerDisconnected())
        replies = bench.publish()
        replies.expect(ControlHeld())
        with StandInTrainer(control_address=address):
            bench.parent.expect(TrainerConnected())
            bench.barrier()
            bench.clock.advance(SETTLE)
            replies.expect(ControlPublished())
    bench.parent.expect(TrainerDisconnected())


def test_a_settle_timer_of_the_former_trainer_is_late(bench: ControlBench) -> None:
    with StandInTrainer(control_address=bench.open()):
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE / 2)
        bench.ref.tell(AwaitNextTrainer())
        bench.parent.expect(TrainerDisconnected())
        replies = bench.publish()
        replies.expect(ControlHeld())
        bench.clock.advance(SETTLE)
        bench.barrier()
        assert replies.drain() == []


class TooLateToCancel(ManualScheduler):
    """Its timers have fired already when they are called off; their messages come all the same."""

    def after(self, delay: float, fire: Callable[[], None], /) -> Any:
        super().after(delay, fire)
        return ManualScheduler().after(delay, fire)


def test_a_settle_timer_that_could_not_be_called_off_does_not_make_the_next_trainer_ready() -> None:
    clock = TooLateToCancel()
    with control_bench(scheduler=clock) as bench:
        address = bench.open()
        with StandInTrainer(control_address=address):
            bench.wait_for_trainer()
            clock.advance(SETTLE / 2)
        bench.parent.expect(TrainerDisconnected())
        replies = bench.publish()
        replies.expect(ControlHeld())
        with StandInTrainer(control_address=address):
            bench.wait_for_trainer()
            clock.advance(SETTLE / 2)  # the timer of the one that has left
            bench.barrier()
            assert replies.drain() == []
            clock.advance(SETTLE / 2)
            replies.expect(ControlPublished())


def test_a_trainer_that_joins_again_gets_its_command_when_it_has_subscribed_again(
    bench: ControlBench,
) -> None:
    address = bench.open()
    with StandInTrainer(control_address=address) as trainer:
        bench.wait_for_trainer()
        bench.close()
        assert settled(lambda: not is_served(address))
        assert bench.open(address) == address
        replies = bench.publish()
        replies.expect(ControlHeld())
        bench.parent.wait_for(TrainerConnected)
        for _ in range(20):  # it is busy with a batch, and does not look at its socket
            bench.clock.advance(1.0)
            bench.barrier()
        assert replies.drain() == []
        assert not trainer.has_command()  # its next look, at which it subscribes

        def is_published() -> bool:
            bench.clock.advance(1.0)
            bench.barrier()
            return bool(replies.drain())

        assert settled(is_published)
        assert trainer.command() == "STOP"


def test_a_trainer_that_never_subscribes_does_not_hold_its_command_for_ever(
    bench: ControlBench, caplog: pytest.LogCaptureFixture
) -> None:
    with connected_without_subscription(bench.open()):
        bench.parent.expect(TrainerConnected())
        replies = bench.publish()
        replies.expect(ControlHeld())
        for _ in range(int(SETTLE + SUBSCRIBE_TIMEOUT) + 1):
            bench.clock.advance(1.0)
            bench.barrier()
        replies.expect(ControlPublished())
    assert "has not subscribed" in caplog.text


def test_awaiting_the_next_trainer_without_a_socket_does_nothing(bench: ControlBench) -> None:
    bench.ref.tell(AwaitNextTrainer())
    bench.barrier()
    assert bench.parent.drain() == []
