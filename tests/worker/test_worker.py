"""The worker's actor, by messages."""

import pytest

from actors import worker as worker_actor
from messages import (
    CancelTraining,
    ChildDown,
    ClientGone,
    JobOutcome,
    ReportingBypassed,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    RunTraining,
    SendControl,
    ShowState,
    StartReporting,
    StartTrainer,
    StopReporting,
    StopTraining,
    TerminateTrainer,
    TrainerExited,
    TrainerNotStarted,
    TrainerStarted,
    TrainingEnded,
)
from tests.support.probe import PATIENCE, Probe

READY = ReportingReady(
    job_id="job", control_address="tcp://127.0.0.1:5000", progress_address="tcp://127.0.0.1:5001"
)
SUMMARY = ReportingSummary(received=3, forwarded=3)


class Bench:
    """A worker's actor between probes."""

    def __init__(self):
        self.supervisor, self.trainer, self.terminal = Probe(), Probe(), Probe()
        self.parent, self.ended = Probe(), Probe()
        self.ref = worker_actor.spawn(parent=self.parent, terminal=self.terminal)

    def run(self, *command, gui=True):
        self.ref.tell(
            RunTraining(
                job_id="job",
                command=command or ("train", "{control_port}", "{progress_port}"),
                gui=gui,
                supervisor=self.supervisor,
                trainer=self.trainer,
                reply_to=self.ended,
            )
        )
        return self

    def started(self):
        self.supervisor.wait_for(StartReporting)
        self.ref.tell(READY)
        started = self.trainer.wait_for(StartTrainer)
        self.ref.tell(TrainerStarted(pid=1))
        return started

    def stopped(self):
        """Reporting stops as it is told; the outcome."""
        outcome = self.supervisor.wait_for(StopReporting).outcome
        self.ref.tell(ReportingStopped(job_id="job", outcome=outcome, summary=SUMMARY))
        return outcome

    def shown(self, text):
        while text not in (state := self.terminal.wait_for(ShowState).text):
            pass
        return state


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    assert bench.ref.stop(timeout=PATIENCE)
    bench.parent.expect(ChildDown(child="worker", reason=None))


def test_the_trainer_is_started_with_its_ports_when_reporting_is_ready(bench):
    started = bench.run().started()
    assert started.command == ("train", "5000", "5001")
    assert started.capture


@pytest.mark.parametrize(
    ("returncode", "exit_code", "outcome"),
    [(0, 0, JobOutcome.COMPLETED), (3, 3, JobOutcome.FAILED), (-9, 137, JobOutcome.FAILED)],
)
def test_the_trainers_end_is_the_runs_end(bench, returncode, exit_code, outcome):
    bench.run().started()
    bench.ref.tell(TrainerExited(returncode=returncode))
    assert bench.stopped() is outcome
    bench.ended.expect(TrainingEnded(exit_code=exit_code, summary=SUMMARY))


def test_the_first_stop_asks_and_the_second_one_terminates(bench):
    bench.run().started()
    bench.ref.tell(StopTraining())
    assert bench.supervisor.wait_for(SendControl).command == '{"command": "stop"}'
    bench.ref.tell(StopTraining())
    bench.trainer.expect(TerminateTrainer())
    bench.ref.tell(TrainerExited(returncode=-15))
    assert bench.stopped() is JobOutcome.CANCELLED
    bench.ended.expect(TrainingEnded(exit_code=143, summary=SUMMARY))


def test_a_cancel_terminates_at_once(bench):
    bench.run().started()
    bench.ref.tell(CancelTraining())
    bench.trainer.expect(TerminateTrainer())


def test_without_gui_a_stop_terminates_since_nobody_can_be_asked(bench):
    bench.run("train", gui=False)
    bench.supervisor.wait_for(StartReporting)
    bench.ref.tell(ReportingBypassed(job_id="job"))
    assert not bench.trainer.wait_for(StartTrainer).capture
    bench.ref.tell(StopTraining())
    bench.trainer.expect(TerminateTrainer())


@pytest.mark.parametrize("order", [StopTraining(), CancelTraining()])
def test_stopped_before_it_runs_it_starts_nothing(bench, order):
    bench.ref.tell(order)
    bench.run()
    bench.ended.expect(TrainingEnded(exit_code=130, summary=None))
    assert bench.supervisor.drain() == []


@pytest.mark.parametrize("order", [StopTraining(), CancelTraining()])
def test_stopped_while_reporting_starts_it_starts_no_trainer(bench, order):
    bench.run()
    bench.ref.tell(order)
    assert bench.stopped() is JobOutcome.CANCELLED
    bench.ref.tell(READY)  # late
    bench.ended.expect(TrainingEnded(exit_code=130, summary=SUMMARY))
    assert bench.trainer.drain() == []


def test_stops_after_the_end_do_nothing(bench):
    bench.run().started()
    bench.ref.tell(TrainerExited(returncode=0))
    bench.ref.tell(StopTraining())
    bench.stopped()
    bench.ref.tell(CancelTraining())
    bench.ended.expect(TrainingEnded(exit_code=0, summary=SUMMARY))
    assert bench.trainer.drain() == []


def test_reporting_that_cannot_start_starts_no_trainer(bench):
    bench.run()
    bench.ref.tell(ReportingFailed(job_id="job", reason="the address is in use"))
    bench.ended.expect(TrainingEnded(exit_code=2, summary=None))
    assert "the address is in use" in bench.shown("not started")
    assert bench.trainer.drain() == []


def test_reporting_that_fails_in_mid_run_does_not_end_the_training(bench):
    bench.run().started()
    bench.ref.tell(ReportingFailed(job_id="job", reason="broken"))
    assert "broken" in bench.shown("goes on without reports")
    bench.ref.tell(TrainerExited(returncode=0))
    bench.stopped()
    bench.ended.expect(TrainingEnded(exit_code=0, summary=SUMMARY))
    assert bench.trainer.drain() == []


def test_a_command_that_cannot_be_started_ends_the_run(bench):
    bench.run().started()
    bench.ref.tell(TrainerNotStarted(reason="no such file"))
    assert bench.stopped() is JobOutcome.FAILED
    bench.ended.expect(TrainingEnded(exit_code=2, summary=SUMMARY))


def test_an_address_without_a_port_is_refused(bench):
    bench.run()
    bench.ref.tell(
        ReportingReady(job_id="job", control_address="ipc:///a", progress_address="ipc:///b")
    )
    bench.stopped()
    assert "ipc:///a" in bench.shown("error")
    bench.ended.expect(TrainingEnded(exit_code=2, summary=SUMMARY))


def test_ports_to_fill_in_without_reporting_are_refused(bench):
    bench.run(gui=False)
    bench.ref.tell(ReportingBypassed(job_id="job"))
    bench.stopped()
    bench.ended.expect(TrainingEnded(exit_code=2, summary=None))


def test_a_client_that_leaves_is_shown(bench):
    bench.run().started()
    bench.ref.tell(ClientGone(client_id="alice", reason="its channel is closed"))
    assert "its channel is closed" in bench.shown("client alice is gone")
