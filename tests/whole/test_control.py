"""Control messages of the clients and of the worker itself."""

import logging

import pytest

from messages import (
    ClientMessageReceived,
    ControlHeld,
    ControlPublished,
    ControlRejected,
    SendControl,
)
from tests.support.channel import FakeChannel
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, stop, trainer_for
from tests.support.trainer import StandInTrainer

STOP = '{"command": "stop"}'


@pytest.mark.parametrize("prefix", ["CONTROL_COMMAND::", "ZMQ_CTRL::"])
@pytest.mark.parametrize(
    "command", [STOP, "STOP", "a::b", "::", '{"note": "ZMQ_CTRL::x::y", "n": [1, {"a": null}]}']
)
def test_a_clients_command_is_published_as_it_came(supervisor, loop_thread, owner, prefix, command):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        loop_thread.call(channel.receive, prefix + command)
        assert trainer.command() == command
    assert not [m for m in owner.drain() if isinstance(m, ClientMessageReceived)]


def test_commands_are_published_in_order_each_one_once(supervisor, loop_thread):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    commands = [f"command {number}" for number in range(50)]
    with trainer_for(start(supervisor)) as trainer:
        for command in commands:
            loop_thread.call(channel.receive, "CONTROL_COMMAND::" + command)
        assert [trainer.command() for _ in commands] == commands
        assert not trainer.has_command()


@pytest.mark.parametrize("prefix", ["CONTROL_COMMAND::", "ZMQ_CTRL::"])
def test_a_client_without_control_is_told_to_the_owner_instead(
    supervisor, loop_thread, owner, prefix
):
    viewer, user = FakeChannel(), FakeChannel()
    attach_client(supervisor, viewer, "viewer", accept_control=False)
    attach_client(supervisor, user, "user")
    with trainer_for(start(supervisor)) as trainer:
        loop_thread.call(viewer.receive, prefix + STOP)
        assert owner.wait_for(ClientMessageReceived) == ClientMessageReceived(
            client_id="viewer", text=prefix + STOP
        )
        loop_thread.call(user.receive, prefix + "after it")
        assert trainer.command() == "after it"
        trainer.send("a report")
        viewer.wait_for_count(1)


def test_a_command_that_comes_before_the_trainer_is_held_and_then_published(supervisor):
    ready = start(supervisor)
    answers = Probe()
    supervisor.tell(SendControl(command=STOP, reply_to=answers))
    answers.expect(ControlHeld())
    status(supervisor)
    assert answers.drain() == []
    with trainer_for(ready) as trainer:
        assert trainer.command() == STOP
        answers.expect(ControlPublished())
        supervisor.tell(SendControl(command="at once", reply_to=answers))
        answers.expect(ControlPublished())
        assert trainer.command() == "at once"
    stop(supervisor)
    assert answers.drain() == []


def test_a_held_command_of_a_client_is_published_to_the_trainer(supervisor, loop_thread):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    ready = start(supervisor)
    loop_thread.call(channel.receive, "CONTROL_COMMAND::" + STOP)
    with StandInTrainer(control_address=ready.control_address) as trainer:
        assert trainer.command() == STOP


def test_a_held_command_is_rejected_at_the_stop_and_not_kept_for_the_next_job(supervisor):
    start(supervisor)
    held, later = Probe(), Probe()
    supervisor.tell(SendControl(command="for the first", reply_to=held))
    held.expect(ControlHeld())
    stop(supervisor)
    rejected = held.get()
    assert isinstance(rejected, ControlRejected)
    assert rejected.reason

    with trainer_for(start(supervisor, "job-2")) as trainer:
        supervisor.tell(SendControl(command="for the second", reply_to=later))
        assert trainer.command() == "for the second"
    stop(supervisor, "job-2")
    assert held.drain() == []


def test_a_command_without_a_job_is_rejected_with_the_reason(supervisor):
    answers = Probe()
    supervisor.tell(SendControl(command=STOP, reply_to=answers))
    rejected = answers.get()
    assert isinstance(rejected, ControlRejected)
    assert "no training is reported" in rejected.reason


@pytest.mark.parametrize(
    "command",
    [
        '{"py/reduce": [{"py/type": "os.mkdir"}, {"py/tuple": ["/tmp/x"]}]}',
        '{"command": "stop", "x": [{"\\u0070y/object": "a"}]}',
        '{"a": 1, "a": {"py/id": 1}}',
        "!!python/object:os.mkdir",
        "{truncated",
        "",
        "x" * 70_000,
        "[" * 50_000,
    ],
)
def test_a_command_that_could_run_code_or_is_none_is_never_published(
    supervisor, loop_thread, caplog, command
):
    caplog.set_level(logging.WARNING, "actors")
    channel, answers = FakeChannel(), Probe()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        loop_thread.call(channel.receive, "ZMQ_CTRL::" + command)
        supervisor.tell(SendControl(command=command, reply_to=answers))
        assert isinstance(answers.get(), ControlRejected)
        loop_thread.call(channel.receive, "ZMQ_CTRL::" + STOP)
        assert trainer.command() == STOP
        assert not trainer.has_command()
    assert len([m for m in caplog.messages if "refused" in m]) == 2
