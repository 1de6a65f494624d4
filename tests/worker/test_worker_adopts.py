"""The worker's actor reports a trainer that runs already, and ends when that has left."""

from actors.worker.actor import ADOPTED_GONE
from messages import (
    CancelTraining,
    ControlPublished,
    ControlStep,
    JobOutcome,
    ReportingStopped,
    ReportingSummary,
    RunState,
    StopTraining,
    TrainerConnected,
    TrainerDisconnected,
)
from tests.support.worker_rig import JOB, READY


def test_an_adopted_training_ends_some_time_after_its_trainer_has_left(worker):
    worker.begin(adopt=True)
    worker.tell(READY)
    assert worker.noted()[-1].state is RunState.WAITING
    worker.tell(TrainerConnected(), TrainerDisconnected(), TrainerConnected())
    worker.barrier()
    worker.clock.advance(ADOPTED_GONE)
    assert worker.told() == {}  # another one has connected meanwhile
    worker.tell(TrainerDisconnected())
    worker.barrier()
    worker.clock.advance(ADOPTED_GONE)
    worker.stop_outcome()
    worker.tell(
        ReportingStopped(
            job_id=JOB,
            outcome=JobOutcome.COMPLETED,
            summary=ReportingSummary(received=3, train_end=True),
        )
    )
    ended = worker.ends_with(0, ReportingSummary(received=3))
    assert ended.report.train_end


def test_an_adopted_trainer_that_leaves_without_its_end_has_failed(worker):
    worker.begin(adopt=True)
    worker.tell(READY, TrainerConnected(), TrainerDisconnected())
    worker.barrier()
    worker.clock.advance(ADOPTED_GONE)
    worker.stop_outcome()
    worker.stopped()
    assert worker.ends_with(1).report.outcome == "failed"


def test_an_adopted_trainer_is_asked_to_stop_and_never_ended(worker):
    worker.begin(adopt=True)
    worker.tell(READY, TrainerConnected(), StopTraining(by="bob"))
    assert worker.supervisor.get().command == '{"command": "stop"}'
    worker.noted()
    worker.tell(CancelTraining(by="bob"))
    [refusal] = worker.noted()
    assert refusal.step is ControlStep.REFUSED
    assert worker.told() == {}


def test_an_adopted_trainer_that_was_stopped_ends_as_stopped_early(worker):
    worker.begin(adopt=True)
    worker.tell(READY, TrainerConnected(), StopTraining())
    worker.supervisor.get().reply_to.tell(ControlPublished())
    worker.tell(TrainerDisconnected())
    worker.barrier()
    worker.clock.advance(ADOPTED_GONE)
    worker.stop_outcome()
    summary = ReportingSummary(received=3, train_end=True, last_epoch=23)
    worker.tell(ReportingStopped(job_id=JOB, outcome=JobOutcome.COMPLETED, summary=summary))
    report = worker.ends_with(0, ReportingSummary(received=3)).report
    assert (report.outcome, report.last_epoch) == ("stopped", 23)
    assert report.text == "stopped early after epoch 24: the trainer has left"


def test_ctrl_c_lets_go_of_an_adopted_trainer(worker):
    worker.begin(adopt=True)
    worker.tell(READY, TrainerConnected(), StopTraining())
    worker.supervisor.get()
    worker.tell(CancelTraining())
    assert worker.stop_outcome() is JobOutcome.CANCELLED
    worker.stopped()
    assert "goes on without reports" in worker.ends_with(130).report.text
    assert worker.told() == {}
