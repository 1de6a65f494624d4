"""An event loop that is closed, or that nobody runs: the start is answered, and says so."""

import asyncio
import threading

import pytest

from actors import SupervisorActor, attach, spawn_supervisor
from actors.supervisor.sockets import LOOP_TIMEOUT, SOCKET_TIMEOUT
from messages import (
    ClientGone,
    JobOutcome,
    Phase,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    StartReporting,
    StopReporting,
)
from tests.support.channel import FakeChannel
from tests.support.clock import ManualScheduler
from tests.support.event_loop import stuck
from tests.support.probe import Probe
from tests.support.reporting import (
    ask_start,
    attach_client,
    start,
    status,
    stop,
    tell_switch,
    trainer_for,
    wait_for_phase,
)
from tests.support.texts import forwarded, reports
from tests.support.waiting import PATIENCE, settled


@pytest.fixture
def loop():
    """An event loop that nobody runs."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def asked_to_start(supervisor):
    answers = Probe()
    supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
    return answers


def let_wait_end(clock, answers):
    """Let the supervisor's wait for the event loop come to its end, and no longer one."""
    while not clock.waiting(LOOP_TIMEOUT):
        pass
    assert answers.drain() == []
    clock.advance(LOOP_TIMEOUT)


def test_a_loop_that_nobody_runs_is_waited_for_for_two_seconds_in_all(loop, owner, settings):
    clock = ManualScheduler()
    supervisor = spawn_supervisor(loop=loop, owner=owner, settings=settings, scheduler=clock)
    answers = asked_to_start(supervisor)
    let_wait_end(clock, answers)
    answer = answers.get()
    assert isinstance(answer, ReportingFailed)
    assert "`loop` does not run" in answer.reason
    assert clock.now == LOOP_TIMEOUT
    supervisor.request_stop()
    ended = threading.Event()
    threading.Thread(target=lambda: (supervisor.stop(timeout=PATIENCE), ended.set())).start()
    while not ended.wait(0.01):
        clock.advance(0.1)
    # Its actors end when the loop runs, or is closed.
    loop.run_until_complete(asyncio.sleep(0))


def test_a_loop_that_runs_in_time_is_reported_on(loop, owner, settings):
    supervisor = spawn_supervisor(loop=loop, owner=owner, settings=settings)
    answers = asked_to_start(supervisor)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    assert not isinstance(answers.get(), ReportingFailed)
    assert supervisor.stop(timeout=PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def test_a_loop_that_runs_by_then_and_is_busy_is_waited_for(loop, owner, settings):
    clock, busy = ManualScheduler(), threading.Event()
    loop.call_soon(busy.wait, PATIENCE)
    supervisor = spawn_supervisor(loop=loop, owner=owner, settings=settings, scheduler=clock)
    answers = asked_to_start(supervisor)
    assert settled(lambda: clock.waiting(LOOP_TIMEOUT))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    assert settled(loop.is_running)
    clock.advance(LOOP_TIMEOUT)
    assert settled(lambda: clock.waiting(SOCKET_TIMEOUT - LOOP_TIMEOUT))
    assert answers.drain() == []
    busy.set()
    wait_for_phase(supervisor, Phase.CONNECTING)
    clock.advance(0.0)
    assert isinstance(answers.get(), ReportingReady)
    assert supervisor.stop(timeout=PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def test_a_loop_that_is_closed_before_the_reporter_has_begun_is_told_too(
    loop, owner, settings, monkeypatch
):
    is_closed, begin = threading.Event(), SupervisorActor.set_up

    def set_up(self):
        is_closed.wait(PATIENCE)
        begin(self)

    monkeypatch.setattr(SupervisorActor, "set_up", set_up)
    supervisor = spawn_supervisor(loop=loop, owner=owner, settings=settings)
    loop.close()
    is_closed.set()
    assert "`loop` is closed" in ask_start(supervisor).reason
    assert supervisor.stop(timeout=PATIENCE)


def test_a_loop_that_is_closed_is_told_at_once(loop, owner, settings):
    clock = ManualScheduler()  # no wait comes to its end
    supervisor = spawn_supervisor(loop=loop, owner=owner, settings=settings, scheduler=clock)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    answer = ask_start(supervisor)
    assert isinstance(answer, ReportingFailed)
    assert "`loop` is closed" in answer.reason
    attach(supervisor, client_id="alice", channel=FakeChannel())
    assert owner.wait_for(ClientGone) == ClientGone(
        client_id="alice", reason="the event loop is closed"
    )
    assert supervisor.stop(timeout=PATIENCE)


def test_a_loop_that_was_stuck_during_a_switch_is_asked_again_at_the_next(
    new_supervisor, loop_thread
):
    clock = ManualScheduler()
    supervisor = new_supervisor(scheduler=clock, drain_timeout=0.1)
    started, switched = asked_to_start(supervisor), Probe()
    wait_for_phase(supervisor, Phase.CONNECTING)
    clock.advance(0.0)
    ready = started.get()

    answers = []

    def answered():
        clock.advance(1.0)
        answers.extend(switched.drain())
        return len(answers) == 2

    with stuck(loop_thread):
        tell_switch(supervisor, switched, "job-1", "job-2")
        assert settled(answered)
    assert not answers[0].summary.is_complete
    status(supervisor)  # the loop is well again, and has taken what it was told
    with trainer_for(ready) as trainer:
        trainer.send(*reports(3))
        assert settled(lambda: status(supervisor).received == 3)
    tell_switch(supervisor, switched, "job-2", "job-3")  # no time passes
    assert switched.get().summary.received == 3


def tell_stop(supervisor, answers):
    supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=answers))


@pytest.mark.parametrize("asks", [tell_switch, tell_stop])
def test_a_job_after_one_that_ended_on_a_stuck_loop_has_its_own_counts(
    new_supervisor, loop_thread, asks
):
    supervisor, ended, channel = new_supervisor(drain_timeout=0.1), Probe(), FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(10))
        channel.wait_for_count(10)
        with stuck(loop_thread):
            asks(supervisor, ended)
            stopped = ended.get()
            assert isinstance(stopped, ReportingStopped)
            assert not stopped.summary.is_complete
    ready = ended.get() if asks is tell_switch else start(supervisor, "job-2")
    status(supervisor)  # the loop is well again, and has taken what it was told
    with trainer_for(ready) as trainer:
        trainer.send(*reports(3, first=10))
        assert channel.wait_for_count(13) == forwarded(reports(13))
    assert stop(supervisor, "job-2").summary == ReportingSummary(received=3, forwarded=3)


@pytest.mark.parametrize("asks", [tell_switch, tell_stop])
def test_who_is_given_the_run_again_after_a_job_that_ended_on_a_stuck_loop_counts_its_own_job(
    new_supervisor, loop_thread, asks
):
    supervisor, ended, channel = new_supervisor(drain_timeout=0.1), Probe(), FakeChannel()
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(10))
        assert settled(lambda: status(supervisor).received == 10)
        with stuck(loop_thread):
            asks(supervisor, ended)
            assert not ended.get().summary.is_complete
    ready = ended.get() if asks is tell_switch else start(supervisor, "job-2")
    attach_client(supervisor, channel, after=0)
    with trainer_for(ready) as trainer:
        trainer.send(*reports(3, first=10))
        assert channel.wait_for_count(13) == forwarded(reports(13))
    assert stop(supervisor, "job-2").summary == ReportingSummary(received=3, forwarded=3)
