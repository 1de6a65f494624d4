"""ControlSocketActor: after a close, a stop or a crash, nothing is open and nobody waits."""

from messages import (
    ChildDown,
    ControlHeld,
    ControlRejected,
    ControlSocketClosed,
    TrainerDisconnected,
)
from tests.support.addresses import becomes_free
from tests.support.control_rig import SETTLE, ControlRig, wait_until_subscribed
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE


def test_closing_answers_what_is_held_and_frees_the_address(rig: ControlRig) -> None:
    address = rig.open()
    held = rig.publish("STOP")
    held.expect(ControlHeld())
    assert rig.close() == ControlSocketClosed()
    (rejected,) = held.drain()
    assert isinstance(rejected, ControlRejected)
    assert becomes_free(address)
    assert rig.open(address) == address


def test_closing_twice_is_answered_twice_and_without_a_socket_too(rig: ControlRig) -> None:
    assert rig.close() == ControlSocketClosed()
    rig.open()
    assert rig.close() == ControlSocketClosed()
    assert rig.close() == ControlSocketClosed()


def test_what_was_held_before_a_close_is_not_published_after_the_next_open(
    rig: ControlRig,
) -> None:
    rig.open()
    rig.publish("of the former job")
    rig.close()
    with StandInTrainer(control_address=rig.open()) as trainer:
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        wait_until_subscribed(rig, trainer)
        rig.publish("behind")
        assert trainer.command() == "behind"


def test_closing_with_a_connected_trainer_tells_that_it_is_gone(rig: ControlRig) -> None:
    with StandInTrainer(control_address=rig.open()):
        rig.wait_for_trainer()
        rig.close()
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
