"""ControlSocketActor: after a close, a stop or a crash, nothing is open and nobody waits."""

from collections.abc import Iterator

import pytest

from messages import (
    ChildDown,
    CloseControlSocket,
    ControlHeld,
    ControlRejected,
    ControlSocketClosed,
    TrainerDisconnected,
)
from tests.support.addresses import becomes_free
from tests.support.control_rig import SETTLE, ControlRig, control_rig, wait_until_subscribed
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE


@pytest.fixture
def rig() -> Iterator[ControlRig]:
    with control_rig() as rig:
        yield rig


def close(rig: ControlRig) -> ControlSocketClosed:
    answer: ControlSocketClosed = rig.ref.ask(
        lambda reply_to: CloseControlSocket(reply_to=reply_to), timeout=PATIENCE
    )
    return answer


def test_closing_answers_what_is_held_and_frees_the_address(rig: ControlRig) -> None:
    address = rig.open()
    held = rig.publish("STOP")
    held.expect(ControlHeld())
    assert close(rig) == ControlSocketClosed()
    (rejected,) = held.drain()
    assert isinstance(rejected, ControlRejected)
    assert becomes_free(address)
    assert rig.open(address) == address


def test_closing_twice_is_answered_twice_and_without_a_socket_too(rig: ControlRig) -> None:
    assert close(rig) == ControlSocketClosed()
    rig.open()
    assert close(rig) == ControlSocketClosed()
    assert close(rig) == ControlSocketClosed()


def test_what_was_held_before_a_close_is_not_published_after_the_next_open(
    rig: ControlRig,
) -> None:
    rig.open()
    rig.publish("of the former job")
    close(rig)
    with StandInTrainer(control_address=rig.open()) as trainer:
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        wait_until_subscribed(rig, trainer)
        rig.publish("behind")
        assert trainer.command() == "behind"


def test_closing_with_a_connected_trainer_tells_that_it_is_gone(rig: ControlRig) -> None:
    with StandInTrainer(control_address=rig.open()):
        rig.wait_for_trainer()
        close(rig)
        rig.parent.expect(TrainerDisconnected())


def test_a_crash_frees_the_address_and_is_the_last_that_the_parent_hears(
    rig: ControlRig,
) -> None:
    address = rig.open()
    held = rig.publish("STOP")
    held.expect(ControlHeld())
    rig.ref.tell(object())
    down = rig.parent.get()
    assert isinstance(down, ChildDown)
    assert down.child == "control socket"
    assert down.reason is not None
    assert "AssertionError" in down.reason
    assert becomes_free(address)
    assert isinstance(held.get(), ControlRejected)
    assert rig.parent.drain() == []


def test_a_crash_with_a_trainer_tells_first_that_the_trainer_is_gone(rig: ControlRig) -> None:
    with StandInTrainer(control_address=rig.open()):
        rig.wait_for_trainer()
        rig.ref.tell(object())
        rig.parent.expect(TrainerDisconnected())
        assert isinstance(rig.parent.get(), ChildDown)


def test_an_orderly_stop_closes_rejects_and_tells(rig: ControlRig) -> None:
    address = rig.open()
    held = rig.publish("STOP")
    held.expect(ControlHeld())
    assert rig.ref.stop(timeout=PATIENCE)
    rig.parent.expect(ChildDown(child="control socket", reason=None))
    assert isinstance(held.get(), ControlRejected)
    assert becomes_free(address)


def test_a_timer_that_fires_after_the_end_does_no_harm(rig: ControlRig) -> None:
    with StandInTrainer(control_address=rig.open()):
        rig.wait_for_trainer()
        assert rig.ref.stop(timeout=PATIENCE)
        rig.clock.advance(SETTLE)
