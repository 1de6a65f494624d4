"""ControlSocketActor: who the trainer is, and when it is ready for a command."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import zmq

from actors.control_socket import subscription
from actors.control_socket.actor import SUBSCRIBE_TIMEOUT
from actors.control_socket.subscription import AT_ONCE
from messages import (
    AwaitNextTrainer,
    ControlHeld,
    ControlPublished,
    ControlRejected,
    ForgetStop,
    TrainerConnected,
    TrainerDisconnected,
)
from tests.support.addresses import is_served
from tests.support.clock import ManualScheduler
from tests.support.control_rig import SETTLE, ControlRig, control_rig, wait_until_subscribed
from tests.support.trainer import StandInTrainer
from tests.support.waiting import settled


@contextmanager
def connected_without_subscription(address: str) -> Iterator[None]:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.connect(address)
        yield


def test_a_command_before_the_handshake_is_held_until_exactly_the_settle_time_after_it(
    rig: ControlRig,
) -> None:
    address = rig.open()
    replies = rig.publish()
    replies.expect(ControlHeld())
    rig.clock.advance(10 * SETTLE)  # the time before the handshake does not count
    with StandInTrainer(control_address=address):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE - 0.01)
        rig.barrier()
        assert replies.drain() == []
        rig.clock.advance(0.01)
        replies.expect(ControlPublished())


def test_a_command_within_the_settle_time_is_held_too(rig: ControlRig) -> None:
    with StandInTrainer(control_address=rig.open()):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE / 2)
        replies = rig.publish()
        replies.expect(ControlHeld())
        rig.clock.advance(SETTLE / 2)
        replies.expect(ControlPublished())


def test_after_the_settle_time_a_command_is_published_at_once(rig: ControlRig) -> None:
    with StandInTrainer(control_address=rig.open()):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        rig.publish().expect(ControlPublished())


def test_a_trainer_that_leaves_within_the_settle_time_takes_nothing_with_it(
    rig: ControlRig,
) -> None:
    address = rig.open()
    replies = rig.publish()
    replies.expect(ControlHeld())
    with StandInTrainer(control_address=address):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE / 2)
    rig.parent.expect(TrainerDisconnected())
    rig.clock.advance(SETTLE)
    rig.barrier()
    assert replies.drain() == []
    with StandInTrainer(control_address=address):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE - 0.01)
        rig.barrier()
        assert replies.drain() == []
        rig.clock.advance(0.01)
        replies.expect(ControlPublished())


def test_a_command_after_the_trainer_has_left_is_held(rig: ControlRig) -> None:
    with StandInTrainer(control_address=rig.open()):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
    rig.parent.expect(TrainerDisconnected())
    rig.barrier()
    rig.publish().expect(ControlHeld())


def test_several_connections_are_one_trainer_while_any_is_left(rig: ControlRig) -> None:
    address = rig.open()
    with StandInTrainer(control_address=address):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        for _ in range(3):
            with StandInTrainer(control_address=address):
                rig.publish().expect(ControlPublished())
        rig.publish().expect(ControlPublished())
    rig.parent.expect(TrainerDisconnected())
    assert rig.parent.drain() == []


def test_the_connection_that_came_first_may_leave_first(rig: ControlRig) -> None:
    address = rig.open()
    first = StandInTrainer(control_address=address)
    rig.wait_for_trainer()
    rig.clock.advance(SETTLE)
    with StandInTrainer(control_address=address) as second:
        wait_until_subscribed(rig, second)
        assert settled(lambda: rig.clock.waiting(SETTLE))
        first.close()
        rig.publish("still there")
        rig.clock.advance(SETTLE)  # the second's own
        assert second.command() == "still there"
    rig.parent.expect(TrainerDisconnected())
    assert rig.parent.drain() == []


def test_a_second_connection_does_not_prolong_the_settle_time(rig: ControlRig) -> None:
    address = rig.open()
    with StandInTrainer(control_address=address):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE / 2)
        with StandInTrainer(control_address=address):
            rig.barrier()
            rig.clock.advance(SETTLE / 2)
            rig.barrier()
            rig.publish().expect(ControlPublished())


def test_a_connection_without_a_handshake_is_no_trainer(rig: ControlRig) -> None:
    address = rig.open()
    host, port = address.removeprefix("tcp://").split(":")
    replies = rig.publish()
    replies.expect(ControlHeld())
    with socket.create_connection((host, int(port))) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with StandInTrainer(control_address=address):
        rig.wait_for_trainer()  # the first that is told
        assert replies.drain() == []
        rig.clock.advance(SETTLE)
        replies.expect(ControlPublished())
    rig.parent.expect(TrainerDisconnected())
    rig.barrier()
    assert rig.parent.drain() == []


def test_the_next_job_rejects_what_is_held(rig: ControlRig) -> None:
    rig.open()
    replies = rig.publish()
    replies.expect(ControlHeld())
    rig.ref.tell(AwaitNextTrainer())
    assert isinstance(replies.get(), ControlRejected)


def test_a_stop_is_published_to_each_trainer_that_joins_later(rig: ControlRig) -> None:
    address = rig.open()
    with StandInTrainer(control_address=address) as stranger:
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        rig.publish().expect(ControlPublished())
        rig.publish("other").expect(ControlPublished())
        with StandInTrainer(control_address=address) as trainer:
            wait_until_subscribed(rig, trainer)
            assert settled(lambda: rig.clock.waiting(SETTLE))
            rig.clock.advance(SETTLE)
            assert trainer.command() == "STOP"
            assert not trainer.has_command()
            heard = [stranger.command()]
            while heard.count("STOP") < 2:
                heard.append(stranger.command())
            assert [text for text in heard if "marker" not in text] == ["STOP", "other", "STOP"]


@pytest.mark.parametrize("used_up_by", [ForgetStop, AwaitNextTrainer])
def test_a_stop_that_is_used_up_does_not_reach_the_next_trainer(
    rig: ControlRig, used_up_by: Any
) -> None:
    address = rig.open()
    with StandInTrainer(control_address=address) as former:
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        rig.publish().expect(ControlPublished())
        assert former.command() == "STOP"
        rig.ref.tell(used_up_by())
    rig.parent.expect(TrainerDisconnected())
    with StandInTrainer(control_address=address) as trainer:
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        rig.publish("next").expect(ControlPublished())
        assert trainer.command() == "next"


def test_a_stop_that_is_held_is_not_used_up_by_the_end_of_a_former_training(
    rig: ControlRig,
) -> None:
    address = rig.open()
    replies = rig.publish()
    replies.expect(ControlHeld())
    rig.ref.tell(ForgetStop())
    with StandInTrainer(control_address=address) as trainer:
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        replies.expect(ControlPublished())
        assert trainer.command() == "STOP"


def test_the_former_trainers_connection_does_not_make_the_socket_ready(
    rig: ControlRig,
) -> None:
    address = rig.open()
    with StandInTrainer(control_address=address) as former:
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        wait_until_subscribed(rig, former)
        rig.ref.tell(AwaitNextTrainer())
        rig.parent.expect(TrainerDisconnected())
        for_the_next = rig.publish("for the next")
        for_the_next.expect(ControlHeld())
        rig.clock.advance(10 * SETTLE)
        rig.barrier()
        assert for_the_next.drain() == []
        assert not former.has_command()
    rig.barrier()
    assert rig.parent.drain() == []  # that it has left is no news


def test_the_next_trainers_handshake_makes_the_socket_ready_again(rig: ControlRig) -> None:
    address = rig.open()
    with StandInTrainer(control_address=address):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        rig.barrier()
        rig.ref.tell(AwaitNextTrainer())
        rig.parent.expect(TrainerDisconnected())
        replies = rig.publish()
        replies.expect(ControlHeld())
        with StandInTrainer(control_address=address):
            rig.parent.expect(TrainerConnected())
            rig.barrier()
            rig.clock.advance(SETTLE)
            replies.expect(ControlPublished())
    rig.parent.expect(TrainerDisconnected())


def test_a_settle_timer_of_the_former_trainer_is_late(rig: ControlRig) -> None:
    with StandInTrainer(control_address=rig.open()):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE / 2)
        rig.ref.tell(AwaitNextTrainer())
        rig.parent.expect(TrainerDisconnected())
        replies = rig.publish()
        replies.expect(ControlHeld())
        rig.clock.advance(SETTLE)
        rig.barrier()
        assert replies.drain() == []


class TooLateToCancel(ManualScheduler):
    """Its timers have fired already when they are called off; their messages come all the same."""

    def after(self, delay: float, fire: Callable[[], None], /) -> Any:
        super().after(delay, fire)
        return ManualScheduler().after(delay, fire)


def test_a_settle_timer_that_could_not_be_called_off_does_not_make_the_next_trainer_ready() -> None:
    clock = TooLateToCancel()
    with control_rig(scheduler=clock) as rig:
        address = rig.open()
        with StandInTrainer(control_address=address):
            rig.wait_for_trainer()
            clock.advance(SETTLE / 2)
        rig.parent.expect(TrainerDisconnected())
        replies = rig.publish()
        replies.expect(ControlHeld())
        with StandInTrainer(control_address=address):
            rig.wait_for_trainer()
            clock.advance(SETTLE / 2)  # the timer of the one that has left
            rig.barrier()
            assert replies.drain() == []
            clock.advance(SETTLE / 2)
            replies.expect(ControlPublished())


def test_a_trainer_that_joins_again_gets_its_command_when_it_has_subscribed_again(
    rig: ControlRig,
) -> None:
    address = rig.open()
    with StandInTrainer(control_address=address) as trainer:
        rig.wait_for_trainer()
        rig.close()
        assert settled(lambda: not is_served(address))
        assert rig.open(address) == address
        replies = rig.publish()
        replies.expect(ControlHeld())
        rig.parent.wait_for(TrainerConnected)
        for _ in range(20):  # it is busy with a batch, and does not look at its socket
            rig.clock.advance(1.0)
            rig.barrier()
        assert replies.drain() == []
        assert not trainer.has_command()  # its next look, at which it subscribes

        def is_published() -> bool:
            rig.clock.advance(1.0)
            rig.barrier()
            return bool(replies.drain())

        assert settled(is_published)
        assert trainer.command() == "STOP"


def test_a_trainer_that_never_subscribes_does_not_hold_its_command_for_ever(
    rig: ControlRig, caplog: pytest.LogCaptureFixture
) -> None:
    with connected_without_subscription(rig.open()):
        rig.parent.expect(TrainerConnected())
        replies = rig.publish()
        replies.expect(ControlHeld())
        for _ in range(int(SETTLE + SUBSCRIBE_TIMEOUT) + 1):
            rig.clock.advance(1.0)
            rig.barrier()
        replies.expect(ControlPublished())
    assert "has not subscribed" in caplog.text


class SleptClock:
    """A clock that goes on only as somebody sleeps."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


def test_many_that_never_subscribe_hold_up_a_command_no_longer_than_one(
    rig: ControlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SleptClock()
    monkeypatch.setattr(subscription, "time", clock)
    address, count = rig.open(), 10
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(connected_without_subscription(address))
        assert settled(lambda: rig.clock.count == count)
        rig.clock.advance(SETTLE)
        for _ in range(3):
            rig.barrier()
            rig.clock.advance(1.0)
        rig.barrier()
    assert 0 < clock.slept < 2 * AT_ONCE


def test_awaiting_the_next_trainer_without_a_socket_does_nothing(rig: ControlRig) -> None:
    rig.ref.tell(AwaitNextTrainer())
    rig.barrier()
    assert rig.parent.drain() == []
