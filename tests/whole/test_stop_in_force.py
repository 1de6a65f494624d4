"""A stop is a state of the job: whoever trains hears it, and the next model never does."""

import pytest

from actors.control_socket import ControlSocketActor, StopInForce
from actors.control_socket.commands import Commands
from actors.control_socket.trainers import Trainers
from messages import (
    AwaitNextTrainer,
    ControlPublished,
    ControlRejected,
    ForgetStop,
    ReportingDegraded,
    SendControl,
)
from tests.support.channel import FakeChannel
from tests.support.crashes import CONTROL, SOCKETS, crash, obeys, tell_alien
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, stop, switch, trainer_for
from tests.support.waiting import settled


def ask_to_stop(supervisor, command='{"command": "stop"}'):
    answers = Probe()
    supervisor.tell(SendControl(command=command, reply_to=answers))
    return answers


def published(answers):
    return isinstance(answers.wait_for(ControlPublished), ControlPublished)


def has_left(supervisor):
    return settled(lambda: not status(supervisor).trainer_connected)


def test_a_stranger_on_the_port_does_not_use_it_up(supervisor):
    ready = start(supervisor)
    with trainer_for(ready) as stranger:
        assert published(ask_to_stop(supervisor))
        with trainer_for(ready) as trainer:
            assert trainer.command() == stranger.command() == '{"command": "stop"}'


def test_a_trainer_that_connects_again_hears_it_again(supervisor):
    ready = start(supervisor)
    with trainer_for(ready) as trainer:
        assert published(ask_to_stop(supervisor, "STOP"))
        assert trainer.command() == "STOP"
    assert has_left(supervisor)
    with trainer_for(ready) as trainer:
        assert trainer.command() == "STOP"


def test_a_command_that_is_no_stop_is_published_once(supervisor):
    ready = start(supervisor)
    with trainer_for(ready):
        assert published(ask_to_stop(supervisor, "set_lr 0.1"))
    assert has_left(supervisor)
    with trainer_for(ready) as trainer:
        assert published(ask_to_stop(supervisor, "next"))
        assert trainer.command() == "next"


def test_the_second_training_of_one_script_hears_nothing_of_the_first_ones_stop(supervisor):
    ready, channel = start(supervisor), FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(ready) as trainer:
        assert published(ask_to_stop(supervisor))
        trainer.send('{"event": "epoch_end", "logs": {}}', '{"event": "train_end", "logs": null}')
        channel.wait_for_count(2)
    assert has_left(supervisor)
    with trainer_for(ready) as trainer:
        assert published(ask_to_stop(supervisor, "next"))
        assert trainer.command() == "next"


def test_a_text_that_only_mentions_a_train_end_uses_no_stop_up(supervisor):
    ready, channel = start(supervisor), FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(ready) as trainer:
        assert published(ask_to_stop(supervisor, "STOP"))
        trainer.send('{"event": "epoch_end", "logs": {"note": "\\"train_end\\" is near"}}')
        channel.wait_for_count(1)
        with trainer_for(ready) as other:
            assert other.command() == "STOP"
        assert not stop(supervisor).summary.train_end


def test_the_next_job_of_a_pipeline_hears_nothing_of_it(supervisor):
    ready = start(supervisor)
    with trainer_for(ready):
        assert published(ask_to_stop(supervisor))
    switch(supervisor)
    with trainer_for(ready) as trainer:
        assert published(ask_to_stop(supervisor, "next"))
        assert trainer.command() == "next"


def test_a_stop_that_is_held_ends_with_its_job(supervisor):
    start(supervisor)
    answers = ask_to_stop(supervisor)
    stop(supervisor)
    assert isinstance(answers.wait_for(ControlRejected), ControlRejected)
    with trainer_for(start(supervisor, "job-2")) as trainer:
        assert published(ask_to_stop(supervisor, "next"))
        assert trainer.command() == "next"


@pytest.mark.parametrize("actor", SOCKETS)
def test_it_outlives_a_crash(supervisor, owner, actor):
    ready = start(supervisor)
    with trainer_for(ready) as stranger:
        assert published(ask_to_stop(supervisor))
        assert stranger.command() == '{"command": "stop"}'
    crash(actor, owner)
    with trainer_for(ready) as trainer:
        assert trainer.command() == '{"command": "stop"}'


def test_a_crash_when_the_next_job_has_begun_does_not_bring_it_back(supervisor, owner):
    ready = start(supervisor)
    with trainer_for(ready):
        assert published(ask_to_stop(supervisor))
    tell_alien(CONTROL)
    switch(supervisor)
    owner.wait_for(ReportingDegraded)
    with trainer_for(ready) as trainer:
        assert obeys(supervisor, trainer)
        assert not trainer.has_command()


@pytest.mark.parametrize("forget", [ForgetStop(), AwaitNextTrainer()])
def test_what_is_told_to_an_actor_that_has_crashed_uses_it_up(forget):
    stop_in_force = StopInForce()
    stop_in_force.text = "STOP"
    actor = object.__new__(ControlSocketActor)
    actor._commands = Commands(Trainers(), stop_in_force)
    actor.turn_away(forget)
    assert stop_in_force.text is None
