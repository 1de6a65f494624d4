"""ControlSocketActor: opening, publishing, refusing and closing."""

import logging
from collections.abc import Iterator

import pytest
import zmq

from actors import ControlEncoding
from actors.control_socket.actor import HELD_LIMIT
from actors.runtime import ThreadScheduler
from messages import (
    CloseControlSocket,
    ControlHeld,
    ControlPublished,
    ControlRejected,
    ControlSocketClosed,
    ControlSocketFailed,
    ControlSocketOpened,
    OpenControlSocket,
    PublishControl,
    TrainerConnected,
    TrainerDisconnected,
)
from tests.parts.control_bench import SETTLE, ControlBench, control_bench, wait_until_subscribed
from tests.parts.mailboxes import Raising
from tests.support.ports import fixed_addresses, occupied
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


def test_opening_is_answered_with_the_address_and_logged(
    bench: ControlBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (address,) = fixed_addresses(1)
    assert bench.ask_open(address) == ControlSocketOpened(address=address)
    assert "ZMQ control socket initialized" in [record.getMessage() for record in caplog.records]


def test_an_open_socket_is_not_opened_again(bench: ControlBench) -> None:
    address = bench.open()
    again = bench.ask_open()
    assert isinstance(again, ControlSocketFailed)
    assert "open already" in again.reason
    with StandInTrainer(control_address=address):
        bench.wait_for_trainer()


def test_an_address_in_use_is_answered_by_name_and_another_one_can_be_opened(
    bench: ControlBench,
) -> None:
    (address,) = fixed_addresses(1)
    with occupied(address):
        failed = bench.ask_open(address)
        assert isinstance(failed, ControlSocketFailed)
        assert address in failed.reason
        assert "in use" in failed.reason
    assert bench.open(address) == address


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "", "tcp://127.0.0.1:99999999"])
def test_an_address_that_is_none_is_answered(bench: ControlBench, address: str) -> None:
    assert isinstance(bench.ask_open(address), ControlSocketFailed)
    bench.open()


def test_a_context_that_is_terminated_is_answered(bench: ControlBench) -> None:
    ended: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    ended.term()
    answer = bench.ref.ask(
        lambda reply_to: OpenControlSocket(
            context=ended, address="tcp://127.0.0.1:*", reply_to=reply_to
        ),
        timeout=PATIENCE,
    )
    assert isinstance(answer, ControlSocketFailed)
    bench.open()


@pytest.mark.parametrize("command", ["STOP", '{"command": "stop"}', '{"name": "Zoë \U0001f600"}'])
def test_a_joined_and_settled_trainer_gets_the_command_verbatim(
    command: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with (
        control_bench(scheduler=ThreadScheduler(), settle_time=0.05) as bench,
        StandInTrainer(control_address=bench.open()) as trainer,
    ):
        bench.wait_for_trainer()
        replies = bench.publish(command)
        assert trainer.command() == command
        assert isinstance(replies.wait_for(ControlPublished), ControlPublished)
        bench.barrier()
        assert [r.getMessage() for r in caplog.records].count(
            "Sent control message to Trainer"
        ) == 1


def test_a_command_without_a_reply_to_is_published_too() -> None:
    with (
        control_bench(scheduler=ThreadScheduler(), settle_time=0.05) as bench,
        StandInTrainer(control_address=bench.open()) as trainer,
    ):
        bench.ref.tell(PublishControl(command="STOP"))
        assert trainer.command() == "STOP"


def test_commands_are_published_in_order_those_held_first(bench: ControlBench) -> None:
    with StandInTrainer(control_address=bench.open()) as trainer:
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        wait_until_subscribed(bench, trainer)
        for number in range(50):
            bench.publish(str(number))
        assert [trainer.command() for _ in range(50)] == [str(number) for number in range(50)]


def test_sleap_nn_gets_what_it_understands() -> None:
    with (
        control_bench(encoding=ControlEncoding.SLEAP_NN) as bench,
        StandInTrainer(control_address=bench.open()) as trainer,
    ):
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        refused = bench.publish("pause")
        for _ in range(10_000):
            bench.publish("STOP")
            bench.barrier()
            if trainer.has_command():
                break
        assert trainer.command() == '{"command": "stop"}'
        assert isinstance(refused.get(), ControlRejected)


@pytest.mark.parametrize("command", ["", '{"py/reduce": []}', "a/b", "x" * 70_000, "\ud800"])
def test_a_refused_text_is_answered_with_the_reason_and_never_published(
    bench: ControlBench, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = bench.open()
    held = bench.publish(command)
    with StandInTrainer(control_address=address) as trainer:
        bench.wait_for_trainer()
        bench.clock.advance(SETTLE)
        wait_until_subscribed(bench, trainer)
        settled = bench.publish(command)
        bench.publish("behind")
        assert trainer.command() == "behind"
    for replies in (held, settled):
        (rejected,) = replies.drain()
        assert isinstance(rejected, ControlRejected)
        assert rejected.reason
    assert "control message refused" in caplog.text


def test_without_a_socket_a_command_is_an_error_in_the_log_and_rejected(
    bench: ControlBench, caplog: pytest.LogCaptureFixture
) -> None:
    rejected = bench.publish("STOP").get()
    assert isinstance(rejected, ControlRejected)
    assert "no control socket" in rejected.reason
    (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert "not initialized" in record.getMessage()
    bench.ref.tell(PublishControl(command="STOP"))  # nobody to answer: no exception either
    bench.barrier()
    assert bench.parent.drain() == []


def test_no_more_commands_are_held_than_the_limit(bench: ControlBench) -> None:
    bench.open()
    held = [bench.publish(str(number)) for number in range(HELD_LIMIT)]
    one_too_many = bench.publish("one too many").get()
    assert isinstance(one_too_many, ControlRejected)
    assert str(HELD_LIMIT) in one_too_many.reason
    for replies in held:
        replies.expect(ControlHeld())
        assert replies.drain() == []


def test_a_reply_to_that_raises_does_not_end_the_actor(bench: ControlBench) -> None:
    raising = Raising()
    bench.ref.tell(CloseControlSocket(reply_to=raising))
    bench.ref.tell(PublishControl(command="STOP", reply_to=raising))
    bench.ref.tell(
        OpenControlSocket(context=bench.context, address="tcp://127.0.0.1:*", reply_to=raising)
    )
    bench.ref.tell(PublishControl(command="STOP", reply_to=raising))
    assert close(bench) == ControlSocketClosed()
    assert bench.parent.drain() == []


def test_each_trainer_is_told_by_its_handshake() -> None:
    with control_bench() as bench:
        address = bench.open()
        for _ in range(2):
            with StandInTrainer(control_address=address):
                bench.parent.expect(TrainerConnected())
            bench.parent.expect(TrainerDisconnected())
