"""``SupervisorRef.stop`` in every phase: True, and nothing is left."""

import logging
import time
from contextlib import ExitStack

import pykka
import pytest

from messages import (
    AddedToLog,
    AddToLog,
    AttachClient,
    ClientDetached,
    ClientGone,
    ControlRejected,
    DetachClient,
    GetStatus,
    JobOutcome,
    Phase,
    ReportingBypassed,
    ReportingFailed,
    ReportingStopped,
    ReportingSummary,
    SendControl,
    StartReporting,
    StopReporting,
)
from tests.support.channel import FakeChannel
from tests.support.clock import ManualScheduler
from tests.support.descriptors import open_sockets
from tests.support.event_loop import stuck
from tests.support.logs import errors
from tests.support.probe import Probe
from tests.support.reporting import (
    ask_start,
    attach_client,
    attach_early,
    start,
    status,
    stopping,
    tell_switch,
    trainer_for,
    wait_for_phase,
)
from tests.support.texts import forwarded
from tests.support.waiting import PATIENCE, settled


@pytest.fixture
def sockets_before(loop_thread):
    """The open sockets before the supervisor was made."""
    return open_sockets()


@pytest.fixture
def spawn(sockets_before, new_supervisor):
    """Makes a supervisor that the test ends itself."""
    return new_supervisor


@pytest.fixture
def all_is_gone(sockets_before, loop_thread):
    """Asserts at once, without waiting, that nothing of the reporter is left."""

    def check():
        assert pykka.ActorRegistry.get_all() == []
        assert open_sockets() == sockets_before
        assert loop_thread.tasks() == set()

    return check


def test_stop_when_idle(spawn, all_is_gone):
    assert spawn().stop()
    all_is_gone()


def test_stop_when_bypassed_answers_nothing_twice(spawn, all_is_gone):
    supervisor, answers = spawn(), Probe()
    supervisor.tell(StartReporting(job_id="job-1", gui=False, reply_to=answers))
    answers.expect(ReportingBypassed(job_id="job-1"))
    assert supervisor.stop()
    all_is_gone()
    assert answers.drain() == []


def test_stop_while_the_sockets_are_being_bound(spawn, loop_thread, all_is_gone):
    supervisor, answers = spawn(), Probe()
    with ExitStack() as stop, stuck(loop_thread):
        supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
        wait_for_phase(supervisor, Phase.BINDING)
        stop.enter_context(stopping(supervisor))
        wait_for_phase(supervisor, Phase.STOPPING)
    all_is_gone()
    assert isinstance(answers.get(), ReportingFailed)


def test_stop_in_the_connect_wait(spawn, all_is_gone):
    clock, answers = ManualScheduler(), Probe()
    supervisor = spawn(scheduler=clock, connect_wait=1.0)
    supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
    wait_for_phase(supervisor, Phase.CONNECTING)
    assert supervisor.stop()
    all_is_gone()
    assert isinstance(answers.get(), ReportingFailed)
    clock.advance(60)
    assert answers.drain() == []


def test_stop_while_reporting_delivers_what_is_left(spawn, all_is_gone):
    supervisor, channel = spawn(), FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("one", "two", "three")
    assert supervisor.stop()
    all_is_gone()
    assert channel.sent == forwarded(["one", "two", "three"])


@pytest.mark.parametrize("phase", [Phase.SWITCHING, Phase.STOPPING])
def test_stop_while_a_client_is_given_what_is_left(spawn, loop_thread, all_is_gone, phase):
    supervisor, answers = spawn(), Probe()
    channel = FakeChannel(buffering=True)
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("one")
        channel.wait_for_count(1)
    if phase is Phase.SWITCHING:
        tell_switch(supervisor, answers)
    else:
        supervisor.tell(
            StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=answers)
        )
    wait_for_phase(supervisor, phase)
    with stopping(supervisor):
        assert wait_for_phase(supervisor, Phase.STOPPING).job_id == "job-1"
        assert answers.drain() == []
        loop_thread.call(channel.drain)
    all_is_gone()
    answers.expect(
        ReportingStopped(
            job_id="job-1",
            outcome=JobOutcome.COMPLETED,
            summary=ReportingSummary(received=1, forwarded=1),
        )
    )
    rest = answers.drain()
    assert [type(message) for message in rest] == (
        [ReportingFailed] if phase is Phase.SWITCHING else []
    )


def test_stop_with_a_client_that_takes_nothing_is_bounded_and_says_so(spawn, all_is_gone, caplog):
    supervisor, channel = spawn(drain_timeout=0.2), FakeChannel(buffering=True)
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*["x" * 10_000] * 5)
        channel.wait_for_count(1)
        assert supervisor.stop(timeout=PATIENCE)
    all_is_gone()
    assert any("alice" in message and "left" in message for message in caplog.messages)


def test_stop_while_the_loop_is_busy_for_three_seconds(spawn, loop_thread, all_is_gone):
    supervisor, channel = spawn(), FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        loop_thread.loop.call_soon_threadsafe(time.sleep, 3)
        trainer.send("one", "two")
    assert supervisor.stop(timeout=PATIENCE)
    all_is_gone()
    assert channel.sent == forwarded(["one", "two"])


def test_stop_while_the_loop_is_stuck_closes_the_sockets_all_the_same(
    spawn, loop_thread, sockets_before, caplog
):
    supervisor, channel, answers = spawn(drain_timeout=0.1), FakeChannel(), Probe()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)):
        pass
    with stuck(loop_thread):
        supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.FAILED, reply_to=answers))
        assert supervisor.stop(timeout=PATIENCE)
        assert open_sockets() == sockets_before
        assert answers.get().outcome is JobOutcome.FAILED
    assert settled(lambda: pykka.ActorRegistry.get_all() == [])
    assert settled(lambda: loop_thread.tasks() == set())
    assert errors(caplog)


def test_a_second_stop_waits_for_the_same_end(spawn, loop_thread, all_is_gone):
    clock = ManualScheduler()  # no timeout helps: each wait has to end by its answer
    supervisor, barrier = spawn(scheduler=clock), Probe()
    with ExitStack() as stops, stuck(loop_thread):
        for number in range(3):
            stops.enter_context(stopping(supervisor))
            assert settled(lambda: len(pykka.ActorRegistry.get_all()) < 3), "the control socket's"
            supervisor.tell(
                StopReporting(job_id=f"job-{number}", outcome=JobOutcome.FAILED, reply_to=barrier)
            )
            barrier.get()
    all_is_gone()


def test_stop_of_a_stopped_supervisor_is_true_at_once(spawn):
    supervisor = spawn()
    assert supervisor.stop()
    assert supervisor.stop(timeout=0.001)


def test_what_is_told_after_the_end_is_answered_at_once_and_is_one_line(
    spawn, owner, all_is_gone, loop_thread, caplog
):
    supervisor, answers = spawn(), Probe()
    assert supervisor.stop()
    ended, channel = "the reporter has ended", FakeChannel()
    for request, answer in [
        (
            StartReporting(job_id="job-1", gui=True, reply_to=answers),
            ReportingFailed(job_id="job-1", reason=ended),
        ),
        (
            StopReporting(job_id="job-1", outcome=JobOutcome.FAILED, reply_to=answers),
            ReportingFailed(job_id="job-1", reason=ended),
        ),
        (SendControl(command="STOP", reply_to=answers), ControlRejected(reason=ended)),
        (DetachClient(client_id="a", reply_to=answers), ClientDetached(client_id="a")),
        (AddToLog(entries=(), reply_to=answers), AddedToLog(reason=ended)),
    ]:
        supervisor.tell(request)
        answers.expect(answer)
    supervisor.tell(GetStatus(reply_to=answers))
    assert answers.get().phase is Phase.IDLE
    caplog.set_level(logging.INFO)
    caplog.clear()
    attach_early(loop_thread, supervisor, channel)
    loop_thread.call(channel.receive, "a text")
    owner.expect(ClientGone(client_id="alice", reason=ended))
    assert len(caplog.records) == 1
    all_is_gone()


def test_a_start_while_the_supervisor_ends_is_refused(spawn, loop_thread):
    supervisor = spawn()
    with ExitStack() as stop, stuck(loop_thread):
        stop.enter_context(stopping(supervisor))
        assert settled(lambda: len(pykka.ActorRegistry.get_all()) < 3)
        failed = ask_start(supervisor)
        assert isinstance(failed, ReportingFailed)
        assert "ended" in failed.reason


def test_a_client_that_attaches_while_the_supervisor_ends_is_not_left_behind(
    spawn, loop_thread, all_is_gone, caplog
):
    supervisor, barrier = spawn(), Probe()
    status(supervisor)
    with ExitStack() as stop, stuck(loop_thread):
        stop.enter_context(stopping(supervisor))
        assert settled(lambda: len(pykka.ActorRegistry.get_all()) < 3)
        supervisor.tell(AttachClient(client_id="alice", channel=FakeChannel()))
        supervisor.tell(StopReporting(job_id="job-9", outcome=JobOutcome.FAILED, reply_to=barrier))
        barrier.get()
    all_is_gone()
    assert errors(caplog) == []


def test_who_waits_for_a_client_is_answered_when_the_loop_is_stuck(spawn, loop_thread):
    supervisor, detached = spawn(), Probe()
    attach_client(supervisor, FakeChannel())
    with stuck(loop_thread):
        supervisor.tell(DetachClient(client_id="alice", reply_to=detached))
        supervisor.request_stop(timeout=0.1)
        assert settled(supervisor.has_ended)
        detached.expect(ClientDetached(client_id="alice"))
    assert settled(lambda: pykka.ActorRegistry.get_all() == [])
