"""ControlSocketActor: opening, publishing, refusing and closing."""

import logging

import pytest
import zmq

from actors import ControlEncoding
from actors.control_socket.commands import HELD_LIMIT
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
from tests.support.addresses import FREE_PORT, fixed_addresses, occupied
from tests.support.control_rig import SETTLE, ControlRig, control_rig, wait_until_subscribed
from tests.support.logs import errors
from tests.support.mailboxes import Raising
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE


def test_opening_is_answered_with_the_address_and_logged(
    rig: ControlRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (address,) = fixed_addresses(1)
    assert rig.ask_open(address) == ControlSocketOpened(address=address)
    assert "ZMQ control socket initialized" in [record.getMessage() for record in caplog.records]


def test_an_open_socket_is_not_opened_again(rig: ControlRig) -> None:
    address = rig.open()
    again = rig.ask_open()
    assert isinstance(again, ControlSocketFailed)
    assert "open already" in again.reason
    with StandInTrainer(control_address=address):
        rig.wait_for_trainer()


def test_an_address_in_use_is_answered_by_name_and_another_one_can_be_opened(
    rig: ControlRig,
) -> None:
    (address,) = fixed_addresses(1)
    with occupied(address):
        failed = rig.ask_open(address)
        assert isinstance(failed, ControlSocketFailed)
        assert address in failed.reason
        assert "in use" in failed.reason
    assert rig.open(address) == address


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "", "tcp://127.0.0.1:99999999"])
def test_an_address_that_is_none_is_answered(rig: ControlRig, address: str) -> None:
    assert isinstance(rig.ask_open(address), ControlSocketFailed)
    rig.open()


def test_a_context_that_is_terminated_is_answered(rig: ControlRig) -> None:
    ended: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    ended.term()
    answer = rig.ref.ask(
        lambda reply_to: OpenControlSocket(context=ended, address=FREE_PORT, reply_to=reply_to),
        timeout=PATIENCE,
    )
    assert isinstance(answer, ControlSocketFailed)
    rig.open()


@pytest.mark.parametrize("command", ["STOP", '{"command": "stop"}', '{"name": "Zoë \U0001f600"}'])
def test_a_joined_and_settled_trainer_gets_the_command_verbatim(
    command: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with (
        control_rig(real_time=True, settle_time=0.05) as rig,
        StandInTrainer(control_address=rig.open()) as trainer,
    ):
        rig.wait_for_trainer()
        replies = rig.publish(command)
        assert trainer.command() == command
        assert isinstance(replies.wait_for(ControlPublished), ControlPublished)
        rig.barrier()
        assert [r.getMessage() for r in caplog.records].count(
            "Sent control message to Trainer"
        ) == 1


def test_a_command_without_a_reply_to_is_published_too() -> None:
    with (
        control_rig(real_time=True, settle_time=0.05) as rig,
        StandInTrainer(control_address=rig.open()) as trainer,
    ):
        rig.ref.tell(PublishControl(command="STOP"))
        assert trainer.command() == "STOP"


def test_commands_are_published_in_order_those_held_first(rig: ControlRig) -> None:
    with StandInTrainer(control_address=rig.open()) as trainer:
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        wait_until_subscribed(rig, trainer)
        for number in range(50):
            rig.publish(str(number))
        assert [trainer.command() for _ in range(50)] == [str(number) for number in range(50)]


def test_sleap_nn_gets_what_it_understands() -> None:
    with (
        control_rig(encoding=ControlEncoding.SLEAP_NN) as rig,
        StandInTrainer(control_address=rig.open()) as trainer,
    ):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        refused = rig.publish("pause")
        for _ in range(10_000):
            rig.publish("STOP")
            rig.barrier()
            if trainer.has_command():
                break
        assert trainer.command() == '{"command": "stop"}'
        assert isinstance(refused.get(), ControlRejected)


@pytest.mark.parametrize("command", ["", '{"py/reduce": []}', "a/b", "x" * 70_000, "\ud800"])
def test_a_refused_text_is_answered_with_the_reason_and_never_published(
    rig: ControlRig, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = rig.open()
    held = rig.publish(command)
    with StandInTrainer(control_address=address) as trainer:
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        wait_until_subscribed(rig, trainer)
        settled = rig.publish(command)
        rig.publish("behind")
        assert trainer.command() == "behind"
    for replies in (held, settled):
        (rejected,) = replies.drain()
        assert isinstance(rejected, ControlRejected)
        assert rejected.reason
    assert "control message refused" in caplog.text


def test_without_a_socket_a_command_is_an_error_in_the_log_and_rejected(
    rig: ControlRig, caplog: pytest.LogCaptureFixture
) -> None:
    rejected = rig.publish("STOP").get()
    assert isinstance(rejected, ControlRejected)
    assert "no control socket" in rejected.reason
    (error,) = errors(caplog)
    assert "not initialized" in error
    rig.ref.tell(PublishControl(command="STOP"))  # nobody to answer: no exception either
    rig.barrier()
    assert rig.parent.drain() == []


def test_no_more_commands_are_held_than_the_limit(rig: ControlRig) -> None:
    rig.open()
    held = [rig.publish(str(number)) for number in range(HELD_LIMIT)]
    one_too_many = rig.publish("one too many").get()
    assert isinstance(one_too_many, ControlRejected)
    assert str(HELD_LIMIT) in one_too_many.reason
    for replies in held:
        replies.expect(ControlHeld())
        assert replies.drain() == []


def test_a_reply_to_that_raises_does_not_end_the_actor(rig: ControlRig) -> None:
    raising = Raising()
    rig.ref.tell(CloseControlSocket(reply_to=raising))
    rig.ref.tell(PublishControl(command="STOP", reply_to=raising))
    rig.ref.tell(OpenControlSocket(context=rig.context, address=FREE_PORT, reply_to=raising))
    rig.ref.tell(PublishControl(command="STOP", reply_to=raising))
    assert rig.close() == ControlSocketClosed()
    assert rig.parent.drain() == []


def test_each_trainer_is_told_by_its_handshake() -> None:
    with control_rig() as rig:
        address = rig.open()
        for _ in range(2):
            with StandInTrainer(control_address=address):
                rig.parent.expect(TrainerConnected())
            rig.parent.expect(TrainerDisconnected())
