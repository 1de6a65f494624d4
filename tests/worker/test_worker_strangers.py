"""The worker's actor says who the trainer is, and what it hears of others."""

import os

import pytest

from messages import (
    ControlHeld,
    ControlPublished,
    ControlStep,
    ControlTaken,
    Peer,
    ReportingFailed,
    SendControl,
    StopTraining,
    StrangerConnected,
    TrainerConnected,
    TrainerStarted,
    TrainingReport,
    WarningGiven,
)
from tests.support.worker_rig import JOB

STRANGER = Peer(pid=4711, name="python")


def test_the_trainer_is_what_it_starts_itself(worker):
    worker.begin()
    worker.supervisor.trainers.expect(os.getpid())
    worker.tell(TrainerStarted(pid=77))
    worker.supervisor.trainers.expect(77)


def test_an_adopted_trainer_may_be_anybody(worker):
    worker.begin(adopt=True)
    worker.supervisor.trainers.expect(None)


def test_without_gui_nobody_asks_who_it_is(worker):
    worker.train(gui=False)
    worker.tell(TrainerStarted(pid=77))
    worker.barrier()
    assert worker.supervisor.trainers.drain() == []


def test_a_start_that_strangers_prevent_says_what_to_do(worker):
    worker.begin()
    worker.tell(
        ReportingFailed(job_id=JOB, reason="process 4711 reports there", strangers=(STRANGER,))
    )
    (report,) = [event for event in worker.noted() if isinstance(event, TrainingReport)]
    assert report.text == "the training was not started: process 4711 reports there"
    assert report.advice == (
        "--adopt goes on with that training; --any-port starts this one at free ports"
    )
    worker.ends_with(2, None)


def test_a_stranger_that_comes_later_is_a_warning(worker):
    worker.train()
    worker.tell(TrainerConnected())
    worker.noted()
    worker.tell(StrangerConnected(peer=STRANGER, address="tcp://127.0.0.1:9001"))
    (warning,) = worker.noted()
    assert warning == WarningGiven(
        text="process 4711, python, has connected to tcp://127.0.0.1:9001 and is not of this "
        "training: what it reports is mixed into this run, and a stop reaches it too"
    )


@pytest.mark.parametrize(
    ("reply", "step", "text"),
    [
        (
            ControlHeld(others=(STRANGER,)),
            ControlStep.HELD,
            "process 4711, python, alone could hear it now, and is not of this training",
        ),
        (
            ControlPublished(others=(STRANGER, Peer(pid=4712, name="sh"))),
            ControlStep.SENT,
            "process 4711, python; process 4712, sh, are not of this training and may stop by it "
            "too",
        ),
    ],
)
def test_the_answer_to_a_stop_names_the_strangers(worker, reply, step, text):
    worker.train()
    worker.tell(StopTraining())
    worker.supervisor.wait_for(SendControl).reply_to.tell(reply)
    (taken,) = [event for event in worker.noted() if isinstance(event, ControlTaken)]
    assert taken.step is step
    assert taken.text.endswith(f"; {text}")
