"""The reporter knows whether a trainer is connected."""

from messages import (
    ControlHeld,
    ControlPublished,
    SendControl,
    TrainerConnected,
    TrainerDisconnected,
)
from tests.support.probe import Probe
from tests.support.reporting import start, status, stop
from tests.support.trainer import StandInTrainer


def test_the_owner_hears_when_a_trainer_comes_and_when_it_leaves(supervisor, owner):
    ready = start(supervisor)
    assert not status(supervisor).trainer_connected
    for _ in range(2):
        with StandInTrainer(control_address=ready.control_address):
            owner.expect(TrainerConnected())
            assert status(supervisor).trainer_connected
        owner.expect(TrainerDisconnected())
        assert not status(supervisor).trainer_connected
    stop(supervisor)
    assert owner.drain() == []


def test_several_connections_are_one_trainer_until_the_last_is_gone(supervisor, owner):
    ready = start(supervisor)
    ranks = [StandInTrainer(control_address=ready.control_address) for _ in range(3)]
    owner.expect(TrainerConnected())
    ranks[0].close()
    ranks[1].close()
    answers = Probe()
    supervisor.tell(SendControl(command="to the last", reply_to=answers))
    assert ranks[2].command() == "to the last"
    assert status(supervisor).trainer_connected
    assert owner.drain() == []
    ranks[2].close()
    owner.expect(TrainerDisconnected())
    stop(supervisor)


def test_a_command_after_the_trainer_has_left_is_held_for_the_one_that_comes(supervisor, owner):
    ready = start(supervisor)
    answers = Probe()
    with StandInTrainer(control_address=ready.control_address) as trainer:
        supervisor.tell(SendControl(command="to the first", reply_to=answers))
        assert trainer.command() == "to the first"
        answers.wait_for(ControlPublished)
        owner.wait_for(TrainerConnected)
    owner.wait_for(TrainerDisconnected)
    supervisor.tell(SendControl(command="to the second", reply_to=answers))
    answers.expect(ControlHeld())
    with StandInTrainer(control_address=ready.control_address) as trainer:
        assert trainer.command() == "to the second"
        answers.expect(ControlPublished())
    stop(supervisor)


def test_the_end_of_a_job_tells_that_its_trainer_is_gone(supervisor, owner):
    ready = start(supervisor)
    with StandInTrainer(control_address=ready.control_address):
        owner.expect(TrainerConnected())
        stop(supervisor)
        owner.expect(TrainerDisconnected())
        assert not status(supervisor).trainer_connected
