"""The worker's actor is asked to stop, in every state and more than once."""

import time

import pytest

from messages import (
    CancelTraining,
    ControlHeld,
    ControlPublished,
    ControlRejected,
    ControlStep,
    ControlTaken,
    JobOutcome,
    ReportingFailed,
    ReportingStopped,
    ReportingSummary,
    RunState,
    SendControl,
    SignalReceived,
    StopTraining,
    TerminateTrainer,
    TrainerConnected,
    TrainerDisconnected,
    TrainerExited,
    TrainerNotStarted,
    TrainerRefused,
    TrainerSignalled,
    WarningGiven,
)
from tests.support.waiting import PATIENCE
from tests.support.worker_rig import JOB, READY, SUMMARY

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
    worker.ends_with(130, None)
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
    worker.ends_with(130)
    assert "trainer" not in worker.told()


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
    worker.ends_with(returncode, SUMMARY)


@pytest.mark.parametrize(
    ("stops", "asked", "terminated"),
    [
        ((StopTraining(),), 1, 0),
        ((StopTraining(), StopTraining()), 2, 0),
        ((StopTraining(), CancelTraining()), 1, 1),
        ((CancelTraining(),), 0, 1),
        ((CancelTraining(), CancelTraining()), 0, 2),
        ((CancelTraining(by="bob"), CancelTraining(by="bob")), 0, 1),
        ((CancelTraining(), StopTraining()), 0, 1),
    ],
)
def test_a_stop_asks_and_a_cancellation_terminates_each_as_often_as_told(
    worker, stops, asked, terminated
):
    """But a viewer's second cancellation does not cut the grace time short."""
    worker.train()
    worker.tell(*stops)
    told = worker.told()
    commands = [message.command for message in told.get("supervisor", [])]
    assert commands == [ASK] * asked
    assert told.get("trainer", []) == [TerminateTrainer(grace=3.0)] * terminated


@pytest.mark.parametrize("stops", STOPS)
def test_without_gui_a_stop_terminates_the_trainer(worker, stops):
    worker.train(gui=False)
    worker.tell(*stops)
    # A stop that finds the trainer being ended already has nothing to add.
    count = 1 + sum(isinstance(stop, CancelTraining) for stop in stops[1:])
    assert worker.told() == {"trainer": [TerminateTrainer(grace=3.0)] * count}


@pytest.mark.parametrize(
    "stops",
    [(CancelTraining(),), (StopTraining(), CancelTraining())],
    ids=["cancel", "stop-cancel"],
)
@pytest.mark.parametrize("returncode", [-15, -9, 0, 1, None])
def test_a_terminated_training_is_a_cancelled_job_whatever_the_trainer_ends_with(
    worker, stops, returncode
):
    worker.train()
    worker.tell(*stops, TrainerExited(returncode=returncode, cancelled=True))
    assert worker.stop_outcome() is JobOutcome.CANCELLED
    worker.stopped()
    report = worker.ends_with(143, SUMMARY).report
    assert report.outcome == "cancelled"
    assert (report.exit_code, report.signal) == {
        0: (0, None),
        1: (1, None),
        -9: (None, "SIGKILL"),
        -15: (None, "SIGTERM"),
    }.get(returncode, (None, None))


@pytest.mark.parametrize("stops", STOPS)
def test_a_training_that_is_stopped_and_does_not_start_ends_with_2(worker, stops):
    worker.train()
    worker.tell(*stops, TrainerNotStarted(reason="not found"))
    worker.stop_outcome()
    worker.stopped()
    worker.ends_with(2, SUMMARY)


@pytest.mark.parametrize("stops", STOPS)
def test_when_the_trainer_has_ended_a_stop_changes_nothing(worker, stops):
    worker.deliver(7)
    worker.tell(*stops)
    assert worker.told() == {}
    worker.stopped()
    worker.ends_with(7, SUMMARY)


@pytest.mark.parametrize("stops", STOPS)
def test_when_the_run_is_over_a_stop_changes_nothing(worker, stops):
    worker.end()
    worker.tell(*stops)
    assert worker.told() == {}


def taken(command, by, step, text):
    return ControlTaken(command=command, by=by, step=step, text=text)


@pytest.mark.parametrize(
    ("reply", "step", "part"),
    [
        (ControlHeld(), ControlStep.HELD, "not ready yet"),
        (ControlPublished(), ControlStep.SENT, "has been asked to stop"),
        (ControlRejected(reason="no trainer came"), ControlStep.REFUSED, "no trainer came"),
    ],
)
@pytest.mark.parametrize("by", ["terminal", "bob"])
def test_each_step_of_a_stop_is_noted_with_who_asked(worker, reply, step, part, by):
    worker.train()
    worker.noted()
    worker.tell(StopTraining(by=by))
    [stopping] = worker.noted()
    assert stopping.state is RunState.STOPPING
    worker.supervisor.get().reply_to.tell(reply)
    answer, *after = worker.noted()
    assert (answer.command, answer.by, answer.step) == ("stop", by, step)
    assert part in answer.text
    # The state follows: nobody has been asked.
    states = [RunState.WAITING] if step is ControlStep.REFUSED else []
    assert [event.state for event in after] == states


def test_a_stop_that_is_rejected_after_one_that_was_not_changes_no_state(worker):
    worker.train()
    worker.tell(TrainerConnected(), StopTraining(), StopTraining(by="bob"))
    first, second = worker.supervisor.get(), worker.supervisor.get()
    first.reply_to.tell(ControlPublished())
    worker.noted()
    second.reply_to.tell(ControlRejected(reason="no"))
    [answer] = worker.noted()
    assert answer.step is ControlStep.REFUSED


def test_a_training_whose_stop_was_rejected_is_training_again(worker):
    worker.train()
    worker.tell(TrainerConnected(), StopTraining(by="bob"))
    worker.supervisor.get().reply_to.tell(ControlRejected(reason="nothing is bound"))
    assert worker.noted()[-1].state is RunState.TRAINING
    worker.tell(StopTraining(by="bob"))
    assert worker.noted()[-1].state is RunState.STOPPING


def test_each_step_of_a_cancellation_is_noted_with_who_asked(worker):
    worker.train()
    worker.noted()
    worker.tell(CancelTraining(by="bob"))
    before = time.time()
    [state] = worker.noted()
    assert state.state is RunState.CANCELLING
    assert abs(state.kill_at - before - 3.0) < PATIENCE
    worker.tell(TrainerSignalled(name="SIGTERM"), TrainerSignalled(name="SIGKILL"))
    assert worker.noted() == [
        taken("cancel", "bob", ControlStep.TERMINATING, "SIGTERM has been sent to the training"),
        taken("cancel", "bob", ControlStep.KILLING, "SIGKILL has been sent to the training"),
    ]


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("stopped", [True, False])
def test_a_cancellation_that_is_refused_leaves_the_training_as_it_was(worker, connected, stopped):
    worker.train()
    worker.tell(*[TrainerConnected()] * connected, *[StopTraining()] * stopped)
    worker.noted()
    worker.tell(CancelTraining(by="bob"), TrainerRefused(reason="it belongs to root"))
    _, refusal, state = worker.noted()
    assert (refusal.by, refusal.step) == ("bob", ControlStep.REFUSED)
    assert refusal.text == "it belongs to root"
    expected = RunState.TRAINING if connected else RunState.WAITING
    assert state.state is (RunState.STOPPING if stopped else expected)
    worker.tell(TrainerExited(returncode=0))
    assert worker.stop_outcome() is JobOutcome.COMPLETED
    worker.stopped()
    worker.ends_with(0)


@pytest.mark.parametrize("order", [StopTraining(by="bob"), CancelTraining(by="bob")])
def test_an_order_that_comes_too_late_is_refused_with_the_reason(worker, order):
    worker.deliver()
    worker.noted()
    worker.tell(order)
    [refusal] = worker.noted()
    assert (refusal.by, refusal.step) == ("bob", ControlStep.REFUSED)
    assert refusal.text == "the training has ended"


def test_a_stop_is_over_when_another_trainer_connects_after_the_one_that_was_asked(worker):
    worker.train()
    worker.tell(TrainerConnected(), StopTraining())
    worker.supervisor.get().reply_to.tell(ControlPublished())
    worker.tell(TrainerDisconnected(), TrainerConnected())
    assert worker.noted()[-1].state is RunState.TRAINING


def test_a_stop_that_is_held_goes_on_when_the_trainer_connects(worker):
    worker.train()
    worker.tell(StopTraining())
    worker.supervisor.get().reply_to.tell(ControlHeld())
    worker.noted()
    worker.tell(TrainerConnected())
    assert worker.noted() == []


# Stopped early


@pytest.mark.parametrize(
    ("last_epoch", "outcome", "words"),
    [
        (2, "stopped", "stopped early after epoch 3 of 7: the trainer has ended with exit code 0"),
        (None, "stopped", "stopped early before the end of the first epoch"),
        (6, "completed", "the trainer has ended with exit code 0"),
    ],
)
def test_a_trainer_that_obeyed_a_stop_was_stopped_early_unless_it_was_at_its_end(
    worker, last_epoch, outcome, words
):
    worker.train()
    worker.tell(TrainerConnected(), StopTraining())
    worker.supervisor.get().reply_to.tell(ControlPublished())
    worker.tell(TrainerExited(returncode=0))
    worker.stop_outcome()
    report = ended_after(worker, last_epoch).report
    assert report.outcome == outcome
    assert report.text.startswith(words)
    assert report.last_epoch == last_epoch


def test_a_trainer_that_never_heard_the_stop_was_not_stopped(worker):
    worker.train()
    worker.tell(StopTraining())
    worker.supervisor.get().reply_to.tell(ControlHeld())
    worker.tell(TrainerExited(returncode=0))
    worker.stop_outcome()
    assert ended_after(worker, 2).report.outcome == "completed"


def test_a_trainer_that_fails_after_a_stop_has_failed(worker):
    worker.train()
    worker.tell(TrainerConnected(), StopTraining())
    worker.supervisor.get().reply_to.tell(ControlPublished())
    worker.tell(TrainerExited(returncode=1))
    worker.stop_outcome()
    assert ended_after(worker, 2, exit_code=1).report.outcome == "failed"


def ended_after(worker, last_epoch, exit_code=0):
    summary = ReportingSummary(received=3, train_end=True, last_epoch=last_epoch)
    outcome = JobOutcome.COMPLETED
    worker.tell(ReportingStopped(job_id=JOB, outcome=outcome, summary=summary))
    return worker.ends_with(exit_code, ReportingSummary(received=3))


# Signals


def test_a_signal_is_noted_and_ends_nothing(worker):
    worker.tell(SignalReceived(name="SIGUSR2"))
    worker.train()
    assert "SIGUSR2 has come: this worker does not end the training for it" in worker.shown()
    worker.tell(SignalReceived(name="SIGUSR1"), SignalReceived(name="SIGUSR1"))
    worker.tell(SignalReceived(name="SIGXCPU"))
    assert [type(event) for event in worker.noted()] == [WarningGiven, WarningGiven]
    assert worker.told() == {}


def test_a_signal_that_is_a_stop_asks_the_trainer_as_often_as_it_comes(worker):
    worker.train()
    worker.tell(StopTraining(by="SIGUSR1"), StopTraining(by="SIGUSR1"))
    assert [message.command for message in worker.told()["supervisor"]] == [ASK, ASK]
