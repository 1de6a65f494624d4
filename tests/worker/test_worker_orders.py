"""The worker's actor is told what clients ask for."""

import pytest

from actors.worker.actor import TOO_MANY
from actors.worker.order_budget import BURST
from messages import (
    ClientMessageReceived,
    ControlPublished,
    ControlStep,
    RunState,
    TerminateTrainer,
)


def text(client_id, text):
    return ClientMessageReceived(client_id=client_id, text=text)


@pytest.mark.parametrize(
    ("sent", "published"),
    [
        ('CONTROL_COMMAND::{"command": "stop"}', '{"command": "stop"}'),
        ('ZMQ_CTRL::{"command":"stop"}', '{"command":"stop"}'),
        ("ZMQ_CTRL::STOP", "STOP"),
        ("JOB_STOP", '{"command": "stop"}'),
    ],
)
def test_a_clients_stop_is_published_as_the_client_spells_it(worker, sent, published):
    worker.train()
    worker.noted()
    worker.tell(text("bob", sent))
    assert worker.noted()[0].state is RunState.STOPPING
    assert worker.supervisor.get().command == published


def test_a_clients_cancellation_ends_the_trainer(worker):
    worker.train()
    worker.tell(text("bob", "JOB_CANCEL"))
    assert worker.told() == {"trainer": [TerminateTrainer(grace=3.0)]}


def test_another_command_of_a_client_is_published_and_stops_nothing(worker):
    worker.train()
    worker.noted()
    worker.tell(text("bob", 'CONTROL_COMMAND::{"command": "set_lr", "lr": 0.1}'))
    send = worker.supervisor.get()
    assert send.command == '{"command": "set_lr", "lr": 0.1}'
    send.reply_to.tell(ControlPublished())
    [answer] = worker.noted()
    assert (answer.by, answer.step) == ("bob", ControlStep.SENT)


@pytest.mark.parametrize("sent", ["JOB_STOP", "JOB_CANCEL", "ZMQ_CTRL::x"])
def test_a_client_that_orders_without_end_does_not_fill_the_log(worker, sent):
    worker.train()
    worker.noted()
    worker.tell(*[text("eve", sent)] * 1000)
    notes = worker.noted()
    assert len(notes) <= BURST + 5
    assert notes[-1].text == TOO_MANY
    worker.told()
    worker.tell(text("bob", "JOB_STOP"))
    assert worker.noted() or worker.told()  # another client is heard
