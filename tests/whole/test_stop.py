"""``StopReporting`` in every phase."""

import pytest

from messages import (
    JobOutcome,
    Phase,
    ReportingFailed,
    ReportingStopped,
    ReportingSummary,
    StartReporting,
    StopReporting,
)
from tests.support.clock import ManualScheduler
from tests.support.descriptors import open_sockets
from tests.support.event_loop import stuck
from tests.support.probe import Probe
from tests.support.reporting import (
    ask_start,
    ask_stop,
    start,
    status,
    stop,
    trainer_for,
    wait_for_phase,
)


@pytest.fixture
def clock():
    return ManualScheduler()


@pytest.fixture
def waiting(new_supervisor, clock):
    """A supervisor with a connect wait of 1 second that the test's clock lets pass."""
    return new_supervisor(scheduler=clock, connect_wait=1.0)


@pytest.mark.parametrize("outcome", list(JobOutcome))
def test_the_answer_carries_the_outcome_and_the_counts(supervisor, outcome):
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("one", "two")
    assert ask_stop(supervisor, outcome=outcome) == ReportingStopped(
        job_id="job-1", outcome=outcome, summary=ReportingSummary(received=2)
    )


def test_a_stop_of_an_unknown_job_is_refused_when_nothing_is_reported(supervisor):
    failed = ask_stop(supervisor, "job-9")
    assert isinstance(failed, ReportingFailed)
    assert failed.job_id == "job-9"
    assert "job-9" in failed.reason


@pytest.mark.parametrize("gui", [True, False])
def test_a_stop_of_an_unknown_job_leaves_the_reported_one_alone(supervisor, gui):
    ask_start(supervisor, gui=gui)
    before = status(supervisor)
    failed = ask_stop(supervisor, "job-9")
    assert isinstance(failed, ReportingFailed)
    assert failed.job_id == "job-9"
    assert "job-1" in failed.reason
    assert status(supervisor) == before
    stop(supervisor)


def test_a_stop_of_the_job_just_stopped_gets_the_same_answer_again(supervisor):
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("one")
    stopped = stop(supervisor, outcome=JobOutcome.FAILED)
    assert ask_stop(supervisor, outcome=JobOutcome.COMPLETED) == stopped
    assert status(supervisor).phase is Phase.IDLE


def test_two_stops_at_once_get_the_same_answer(supervisor, loop_thread):
    start(supervisor)
    answers = [Probe(), Probe()]
    with stuck(loop_thread):
        for probe, outcome in zip(answers, JobOutcome, strict=False):
            supervisor.tell(StopReporting(job_id="job-1", outcome=outcome, reply_to=probe))
    expected = ReportingStopped(
        job_id="job-1", outcome=JobOutcome.COMPLETED, summary=ReportingSummary()
    )
    for probe in answers:
        probe.expect(expected)


def test_a_stop_while_the_sockets_are_being_bound(supervisor, loop_thread):
    before = open_sockets()
    started, stopped = Probe(), Probe()
    with stuck(loop_thread):
        supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=started))
        assert wait_for_phase(supervisor, Phase.BINDING).job_id == "job-1"
        supervisor.tell(
            StopReporting(job_id="job-1", outcome=JobOutcome.CANCELLED, reply_to=stopped)
        )
    stopped.expect(
        ReportingStopped(job_id="job-1", outcome=JobOutcome.CANCELLED, summary=ReportingSummary())
    )
    failed = started.get()
    assert isinstance(failed, ReportingFailed)
    assert failed.job_id == "job-1"
    assert status(supervisor).phase is Phase.IDLE
    assert started.drain() == []
    assert open_sockets() == before
    assert loop_thread.tasks() == set()


def test_a_stop_in_the_connect_wait_cancels_it(waiting, clock, loop_thread):
    status(waiting)
    before = open_sockets()
    started = Probe()
    waiting.tell(StartReporting(job_id="job-1", gui=True, reply_to=started))
    wait_for_phase(waiting, Phase.CONNECTING)
    clock.advance(0.99)
    stop(waiting, outcome=JobOutcome.CANCELLED)
    assert isinstance(started.get(), ReportingFailed)
    assert open_sockets() == before
    assert loop_thread.tasks() == set()

    clock.advance(5.0)
    assert status(waiting).phase is Phase.IDLE
    assert started.drain() == []


def test_the_connect_wait_of_a_stopped_job_does_not_shorten_that_of_the_next(waiting, clock):
    started = Probe()
    waiting.tell(StartReporting(job_id="job-1", gui=True, reply_to=Probe()))
    wait_for_phase(waiting, Phase.CONNECTING)
    clock.advance(0.9)
    stop(waiting)
    waiting.tell(StartReporting(job_id="job-2", gui=True, reply_to=started))
    wait_for_phase(waiting, Phase.CONNECTING)
    clock.advance(0.9)
    assert status(waiting).phase is Phase.CONNECTING
    assert started.drain() == []
    clock.advance(0.2)
    assert started.get().job_id == "job-2"
    stop(waiting, "job-2")


def test_a_stop_told_right_behind_the_start_ends_the_job(supervisor):
    started, stopped = Probe(), Probe()
    supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=started))
    supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.FAILED, reply_to=stopped))
    assert isinstance(stopped.get(), ReportingStopped)
    assert isinstance(started.get(), ReportingFailed)
    assert status(supervisor).phase is Phase.IDLE


def test_messages_of_the_stopped_job_are_not_counted_for_the_next(supervisor):
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("one", "two", "three")
    assert stop(supervisor).summary.received == 3
    with trainer_for(start(supervisor, "job-2")) as trainer:
        trainer.send("four")
    assert stop(supervisor, "job-2").summary.received == 1
