"""The worker's actor runs one training from its start to its end."""

import logging
from dataclasses import replace

import pytest

from actors.worker.events import EVENT_CHARACTERS
from messages import (
    CancelTraining,
    ChildDown,
    ClientGone,
    ClientMessageReceived,
    ControlRejected,
    JobOutcome,
    OutputWritten,
    ReportingBypassed,
    ReportingDegraded,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    ResourcesUsed,
    RunState,
    StateChanged,
    StopTraining,
    StopWatching,
    TrainerConnected,
    TrainerDisconnected,
    TrainerExited,
    TrainerNotStarted,
    TrainerOutput,
    TrainerStarted,
    TrainingEnded,
    TrainingReport,
    WarningGiven,
    WatchProcess,
)
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE
from tests.support.worker_rig import JOB, READY, SUMMARY

PLACEHOLDERS = ("my-trainer", "{control_port}", "--publish={progress_port}")


def test_the_trainer_starts_when_reporting_is_ready_and_not_before(worker):
    worker.begin()
    assert worker.told() == {}
    worker.tell(READY)
    [start] = worker.told()["trainer"]
    assert start.command == ("my-trainer",)
    assert start.capture


def test_the_ports_that_reporting_got_are_filled_into_the_command(worker):
    assert worker.train(*PLACEHOLDERS).command == ("my-trainer", "5000", "--publish=5001")


def test_the_addresses_are_shown_and_then_the_process(worker):
    worker.train()
    worker.tell(TrainerStarted(pid=77))
    assert worker.noted() == [
        state(RunState.STARTING, "starting"),
        state(
            RunState.STARTING,
            f"listening on {READY.progress_address}, control on {READY.control_address}",
        ),
        state(RunState.WAITING, "training started (process 77)"),
    ]


def state(state, text):
    return StateChanged(state=state, text=text, title="my training", epochs=7)


def test_the_process_is_watched_until_it_ends(worker):
    worker.train()
    worker.tell(TrainerStarted(pid=77))
    watch = worker.resources.get()
    assert isinstance(watch, WatchProcess)
    assert watch.pid == 77
    worker.noted()
    used = ResourcesUsed(percent=150.0, memory=1, memory_total=2, cores=4, processes=3)
    watch.reply_to.tell(used)
    assert worker.noted() == [used]
    worker.tell(TrainerExited(returncode=0))
    worker.resources.expect(StopWatching())


def test_the_output_of_the_trainer_is_noted_as_it_came(worker):
    worker.train()
    worker.shown()
    worker.tell(
        TrainerOutput(lines=("one", "[bold]two", "")), TrainerOutput(lines=(), changing=" 10%")
    )
    assert worker.noted() == [
        OutputWritten(lines=("one", "[bold]two", "")),
        OutputWritten(changing=" 10%"),
    ]


def test_a_lot_of_output_is_noted_in_pieces_that_every_client_takes(worker):
    lines = tuple(f"{number} {'x' * 1000}" for number in range(100))
    worker.train()
    worker.shown()
    worker.tell(TrainerOutput(lines=lines, changing="50%"))
    noted = worker.noted()
    assert len(noted) > 5
    assert tuple(line for event in noted for line in event.lines) == lines
    assert [event.changing for event in noted] == [None] * (len(noted) - 1) + ["50%"]
    assert all(sum(map(len, event.lines)) <= EVENT_CHARACTERS for event in noted)


def test_the_run_ends_when_the_reports_are_delivered_and_not_before(worker):
    worker.deliver()
    assert worker.told() == {}
    worker.stopped()
    worker.ends_with(0)
    assert worker.told() == {}


@pytest.mark.parametrize(
    ("returncode", "exit_code"), [(0, 0), (1, 1), (255, 255), (-9, 137), (-15, 143), (-63, 191)]
)
@pytest.mark.parametrize("gui", [True, False])
def test_the_exit_code_is_the_trainers_or_128_and_its_signal(worker, gui, returncode, exit_code):
    worker.deliver(returncode, gui=gui)
    worker.stopped()
    assert worker.ended.get().exit_code == exit_code


@pytest.mark.parametrize(
    ("returncode", "text"),
    [
        (0, "the trainer has ended with exit code 0"),
        (3, "the trainer has ended with exit code 3"),
        (-9, "the trainer was ended by SIGKILL"),
        (-100, "the trainer was ended by signal 100"),
    ],
)
def test_the_end_of_the_trainer_is_noted_when_all_has_been_received(worker, returncode, text):
    worker.deliver(returncode)
    assert text not in worker.shown()
    worker.stopped()
    report, end = worker.noted()
    assert isinstance(report, TrainingReport)
    assert report.text.startswith(text)
    assert end == state(RunState.ENDED, report.text)
    assert worker.ended.get().report == report


def test_a_trainer_that_does_not_start_ends_the_run_with_2_and_its_reason(worker):
    worker.train()
    worker.tell(TrainerNotStarted(reason="my-trainer cannot be started: No such file"))
    assert worker.stop_outcome() is JobOutcome.FAILED
    worker.stopped()
    reason = "the training was not started: my-trainer cannot be started: No such file"
    assert worker.shown()[-1] == reason
    worker.ends_with(2, SUMMARY)


def test_without_gui_the_output_is_not_captured_and_there_is_no_summary(worker):
    start = worker.train(gui=False)
    assert start.command == ("my-trainer",)
    assert not start.capture
    worker.tell(TrainerExited(returncode=4))
    assert worker.stop_outcome() is JobOutcome.FAILED
    worker.tell(ReportingStopped(job_id=JOB, outcome=JobOutcome.FAILED, summary=ReportingSummary()))
    worker.ends_with(4, None)


@pytest.mark.parametrize("word", ["{control_port}", "--publish={progress_port}"])
def test_without_gui_a_command_that_asks_for_a_port_is_refused_with_2(worker, word):
    worker.begin("my-trainer", word, gui=False)
    worker.tell(ReportingBypassed(job_id=JOB))
    assert worker.stop_outcome() is JobOutcome.FAILED
    worker.stopped()
    assert "there are no ports" in worker.ends_with(2, None).report.text
    assert worker.told() == {}


@pytest.mark.parametrize(
    "addresses",
    [
        {"control_address": "ipc:///tmp/c", "progress_address": "tcp://127.0.0.1:5001"},
        {"control_address": "tcp://127.0.0.1:5000", "progress_address": "ipc:///tmp/p"},
    ],
)
def test_an_address_without_a_port_for_the_trainer_ends_the_run_with_2(worker, addresses):
    worker.begin()
    worker.tell(ReportingReady(job_id=JOB, **addresses))
    assert worker.stop_outcome() is JobOutcome.FAILED
    worker.stopped()
    assert "ipc:///tmp/" in worker.ends_with(2).report.text
    assert worker.told() == {}


def test_reporting_that_fails_at_the_start_ends_the_run_with_2_and_no_trainer(worker):
    worker.begin()
    worker.tell(ReportingFailed(job_id=JOB, reason="tcp://127.0.0.1:5000 is in use"))
    assert "tcp://127.0.0.1:5000 is in use" in worker.ends_with(2, None).report.text
    assert worker.told() == {}


def test_reporting_that_fails_in_mid_run_lets_the_training_go_on(worker):
    worker.train()
    worker.shown()
    worker.tell(ReportingFailed(job_id=JOB, reason="the listener failed 4 times"))
    [warning] = worker.noted()
    assert isinstance(warning, WarningGiven)
    assert "the listener failed 4 times" in warning.text
    assert worker.told() == {}


@pytest.mark.parametrize(
    ("answer", "summary"),
    [
        (ReportingFailed(job_id=JOB, reason="job job-1 is not being reported"), None),
        (
            ReportingStopped(job_id=JOB, outcome=JobOutcome.FAILED, summary=SUMMARY),
            SUMMARY,
        ),
    ],
)
def test_after_reporting_has_failed_the_exit_code_is_still_the_trainers(worker, answer, summary):
    worker.train()
    worker.tell(ReportingFailed(job_id=JOB, reason="the listener failed 4 times"))
    worker.tell(TrainerExited(returncode=5))
    worker.stop_outcome()
    worker.tell(answer)
    worker.ends_with(5, summary)


def test_after_reporting_has_failed_the_trainer_can_still_be_terminated(worker):
    worker.train()
    worker.tell(ReportingFailed(job_id=JOB, reason="the listener failed 4 times"))
    worker.tell(StopTraining())
    worker.supervisor.get().reply_to.tell(ControlRejected(reason="nothing is bound"))
    assert "the trainer was not told: nothing is bound" in worker.shown()
    worker.tell(CancelTraining())
    assert [type(message).__name__ for message in worker.told()["trainer"]] == ["TerminateTrainer"]


def test_a_degraded_reporter_is_a_warning(worker):
    worker.train()
    worker.shown()
    worker.tell(ReportingDegraded(reason="the listener failed"))
    assert worker.noted() == [WarningGiven(text="the listener failed")]
    assert worker.told() == {}


def test_conflicts_of_ports_are_warnings(worker):
    worker.begin()
    worker.tell(replace(READY, conflicts=("tcp://127.0.0.1:9000 is in use",)))
    assert (
        WarningGiven(text="tcp://127.0.0.1:9000 is in use; a free port is used instead")
        in worker.noted()
    )


def test_a_trainer_that_connects_makes_it_a_training(worker):
    worker.train()
    worker.tell(TrainerStarted(pid=1))
    worker.noted()
    worker.tell(TrainerConnected(), TrainerDisconnected())
    assert worker.noted() == [state(RunState.TRAINING, "the trainer has connected")]


@pytest.mark.parametrize(
    "event",
    [
        ClientGone(client_id="bob", reason="its channel is closed"),
        ClientMessageReceived(client_id="bob", text="hello"),
    ],
)
def test_events_that_are_no_news_go_to_the_log_alone(worker, event, caplog):
    caplog.set_level(logging.INFO, "actors.worker")
    worker.train()
    worker.shown()
    worker.tell(event)
    assert worker.shown() == []
    assert worker.told() == {}
    assert caplog.messages


def test_a_second_training_is_refused_with_an_error_in_the_log(worker, caplog):
    worker.train()
    worker.tell(worker.request("another"))
    assert worker.told() == {}
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_worker_that_is_stopped_tells_its_parent(worker):
    assert worker.worker.stop(timeout=PATIENCE)
    worker.parent.expect(ChildDown(child="worker", reason=None))


def test_a_worker_that_crashes_tells_its_parent_why(worker):
    worker.tell("none of its messages")
    down = worker.parent.get()
    assert down.child == "worker"
    assert "none of its messages" in down.reason


def test_a_mailbox_that_raises_does_not_break_the_worker(worker, caplog):
    class Broken(Probe[TrainingEnded]):
        def tell(self, message, /):
            raise OSError("gone")

    worker.ended = Broken()
    worker.deliver()
    worker.stopped()
    assert worker.shown()[-1] == "the trainer has ended with exit code 0"
    assert "gone" in caplog.text
