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
from tests.parts.control_bench import SETTLE, ControlBench, control_bench, wait_until_subscribed
from tests.parts.freed_addresses import becomes_free
from tests.support.probe import PATIENCE
from tests.support.trainer import StandInTrainer


@pytest.fixture
def bench() -> Iterator[ControlBench]:
    with control_bench() as bench:
        yield bench


def close(bench: ControlBench) -> ControlSocketClosed:
    answer: ControlSocketClosed = bench.ref.ask(
        lambda reply_to: CloseControlSocket(reply_to=reply_to), timeout=PATIENCE
    )
    return answer


def test_closing_answers_what_is_held_and_frees_the_address(bench: ControlBench) -> None:
    address = bench.open()
    held = bench.publish("STOP")
    held.expect(ControlHeld())
    assert close(bench) == ControlSocketClosed()
    (rejected,) = held.drain()
    assert isinstance(rejected, ControlRejected)
    assert becomes_free(address)
    assert bench.open(address) == address


def test_closing_twice_is_answered_twice_and_without_a_socket_too(bench: ControlBench) -> None:
    assert close(bench) == ControlSocketClosed()
    bench.open()
    assert close(bench) == ControlSocketClosed()
    assert close(bench) == ControlSocketClosed()


def test_what_was_held_before_a_close_is_not_published_after_the_next_open(
    bench: ControlBench,
) -> None:
    bench.open()
    bench.publish("of the former job")
    close(bench)
    with StandInTrainer(control_address=bench.open()) as trainer:
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        wait_until_subscribed(bench, trainer)
        bench.publish("behind")
        assert trainer.command() == "behind"


def test_closing_with_a_connected_trainer_tells_that_it_is_gone(bench: ControlBench) -> None:
    with StandInTrainer(control_address=bench.open()):
        bench.wait_for_trainer()
        close(bench)
        bench.parent.expect(TrainerDisconnected())


def test_a_crash_frees_the_address_and_is_the_last_that_the_parent_hears(
    bench: ControlBench,
) -> None:
    address = bench.open()
    held = bench.publish("STOP")
    held.expect(ControlHeld())
    bench.ref.tell(object())
    down = bench.parent.get()
    assert isinstance(down, ChildDown)
    assert down.child == "control socket"
    assert down.reason is not None
    assert "AssertionError" in down.reason
    assert becomes_free(address)
    assert isinstance(held.get(), ControlRejected)
    assert bench.parent.drain() == []


def test_a_crash_with_a_trainer_tells_first_that_the_trainer_is_gone(bench: ControlBench) -> None:
    with StandInTrainer(control_address=bench.open()):
        bench.wait_for_trainer()
        bench.ref.tell(object())
        bench.parent.expect(TrainerDisconnected())
        assert isinstance(bench.parent.get(), ChildDown)


def test_an_orderly_stop_closes_rejects_and_tells(bench: ControlBench) -> None:
    address = bench.open()
    held = bench.publish("STOP")
    held.expect(ControlHeld())
    assert bench.ref.stop(timeout=PATIENCE)
    bench.parent.expect(ChildDown(child="control socket", reason=None))
    assert isinstance(held.get(), ControlRejected)
    assert becomes_free(address)


def test_a_timer_that_fires_after_the_end_does_no_harm(bench: ControlBench) -> None:
    with StandInTrainer(control_address=bench.open()):
        bench.wait_for_trainer()
        assert bench.ref.stop(timeout=PATIENCE)
        bench.clock.advance(SETTLE)
