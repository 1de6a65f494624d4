"""The worker's actor is asked to stop, in every state and more than once."""

import pytest

from messages import (
    CancelTraining,
    JobOutcome,
    ReportingFailed,
    ReportingStopped,
    SendControl,
    StopTraining,
    TerminateTrainer,
    TrainerExited,
    TrainerNotStarted,
    TrainingEnded,
)
from tests.worker.worker_bench import JOB, READY, SUMMARY

ASK = '{"command": "stop"}'
STOPS = [
    pytest.param((StopTraining(),), id="stop"),
    pytest.param((CancelTraining(),), id="cancel"),
    pytest.param((StopTraining(), StopTraining()), id="stop-stop"),
    pytest.param((StopTraining(), CancelTraining()), id="stop-cancel"),
    pytest.param((CancelTraining(), StopTraining()), id="cancel-stop"),
    pytest.param((CancelTraining(), CancelTraining()), id="cancel-cancel"),
]


@pytest.mark.parametrize("stops", STOPS)
def test_stopped_before_it_is_told_to_run_it_runs_nothing_and_ends_with_130(worker, stops):
    worker.tell(*stops)
    assert worker.told() == {}
    worker.tell(worker.request())
    worker.ended.expect(TrainingEnded(exit_code=130, summary=None))
    assert worker.told() == {}


@pytest.mark.parametrize("stops", STOPS)
def test_stopped_while_reporting_starts_it_cancels_the_job_once(worker, stops):
    worker.begin()
    worker.tell(*stops)
    [stop] = worker.told()["supervisor"]
    assert (stop.job_id, stop.outcome) == (JOB, JobOutcome.CANCELLED)


@pytest.mark.parametrize("stops", STOPS)
def test_stopped_while_reporting_starts_it_ends_once_with_130(worker, stops):
    worker.begin()
    worker.tell(*stops)
    # Both requests are answered, the start first.
    worker.tell(
        ReportingFailed(job_id=JOB, reason="reporting was stopped before it was ready"),
        ReportingStopped(job_id=JOB, outcome=JobOutcome.CANCELLED, summary=SUMMARY),
    )
    told = worker.told()
    assert [end.exit_code for end in told["ended"]] == [130]
    assert "trainer" not in told


@pytest.mark.parametrize("stops", STOPS)
def test_reporting_that_is_ready_after_the_stop_starts_no_trainer(worker, stops):
    worker.begin()
    worker.tell(*stops, READY)
    worker.stopped()
    told = worker.told()
    assert told["ended"] == [TrainingEnded(exit_code=130, summary=SUMMARY)]
    assert "trainer" not in told


def test_a_stop_asks_the_trainer_through_the_control_socket_alone(worker):
    worker.train()
    worker.tell(StopTraining())
    told = worker.told()
    [ask] = told["supervisor"]
    assert isinstance(ask, SendControl)
    assert ask.command == ASK
    assert "trainer" not in told


@pytest.mark.parametrize(
    ("returncode", "outcome"), [(0, JobOutcome.COMPLETED), (1, JobOutcome.FAILED)]
)
def test_a_training_that_was_asked_to_stop_ends_as_the_trainer_does(worker, returncode, outcome):
    worker.train()
    worker.tell(StopTraining(), TrainerExited(returncode=returncode))
    assert worker.stop_outcome() is outcome
    worker.stopped()
    worker.ended.expect(TrainingEnded(exit_code=returncode, summary=SUMMARY))


@pytest.mark.parametrize(
    ("stops", "asked", "terminated"),
    [
        ((StopTraining(),), 1, 0),
        ((StopTraining(), StopTraining()), 1, 1),
        ((StopTraining(), StopTraining(), StopTraining()), 1, 2),
        ((StopTraining(), CancelTraining()), 1, 1),
        ((CancelTraining(),), 0, 1),
        ((CancelTraining(), CancelTraining()), 0, 2),
        ((CancelTraining(), StopTraining()), 0, 2),
    ],
)
def test_a_training_is_asked_once_and_then_terminated_with_each_further_stop(
    worker, stops, asked, terminated
):
    worker.train()
    worker.tell(*stops)
    told = worker.told()
    commands = [message.command for message in told.get("supervisor", [])]
    assert commands == [ASK] * asked
    assert told.get("trainer", []) == [TerminateTrainer()] * terminated


@pytest.mark.parametrize("stops", STOPS)
def test_without_gui_every_stop_terminates_the_trainer(worker, stops):
    worker.train(gui=False)
    worker.tell(*stops)
    assert worker.told() == {"trainer": [TerminateTrainer()] * len(stops)}


@pytest.mark.parametrize(
    "stops", [(CancelTraining(),), (StopTraining(), StopTraining())], ids=["cancel", "stop-stop"]
)
@pytest.mark.parametrize(("returncode", "exit_code"), [(-15, 143), (-9, 137), (0, 0), (1, 1)])
def test_a_terminated_training_is_a_cancelled_job(worker, stops, returncode, exit_code):
    worker.train()
    worker.tell(*stops, TrainerExited(returncode=returncode))
    assert worker.stop_outcome() is JobOutcome.CANCELLED
    worker.stopped()
    worker.ended.expect(TrainingEnded(exit_code=exit_code, summary=SUMMARY))


@pytest.mark.parametrize("stops", STOPS)
def test_a_training_that_is_stopped_and_does_not_start_ends_with_2(worker, stops):
    worker.train()
    worker.tell(*stops, TrainerNotStarted(reason="not found"))
    worker.stop_outcome()
    worker.stopped()
    worker.ended.expect(TrainingEnded(exit_code=2, summary=SUMMARY))


@pytest.mark.parametrize("stops", STOPS)
def test_when_the_trainer_has_ended_a_stop_changes_nothing(worker, stops):
    worker.deliver(7)
    worker.tell(*stops)
    assert worker.told() == {}
    worker.stopped()
    worker.ended.expect(TrainingEnded(exit_code=7, summary=SUMMARY))


@pytest.mark.parametrize("stops", STOPS)
def test_when_the_run_is_over_a_stop_changes_nothing(worker, stops):
    worker.end()
    worker.tell(*stops)
    assert worker.told() == {}


def test_a_stop_that_ends_the_trainer_is_shown(worker):
    worker.train()
    worker.shown()
    worker.tell(CancelTraining())
    assert worker.shown() == ["ending the trainer"]
