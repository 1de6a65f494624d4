"""A child may crash in every phase: the job is answered, and the next one can be reported."""

from typing import Any

import pytest

from actors import SupervisorRef
from actors.supervisor.session import PEERS_TIMEOUT
from messages import (
    JobOutcome,
    Phase,
    ReportingDegraded,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    StartReporting,
    StopReporting,
    TrainerConnected,
)
from tests.support.channel import FakeChannel
from tests.support.clock import ManualScheduler
from tests.support.crashes import ALL, CLIENT, LISTENER, SOCKETS, crash, is_heard, obeys, tell_alien
from tests.support.event_loop import LoopThread, stuck
from tests.support.probe import Probe
from tests.support.reporting import (
    NewSupervisor,
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
from tests.support.waiting import settled


@pytest.mark.parametrize("actor", ALL)
def test_when_idle_it_is_replaced_and_the_next_job_is_reported(
    supervisor: SupervisorRef, owner: Probe[Any], actor: str
) -> None:
    channel = FakeChannel()
    attach_client(supervisor, channel)
    crash(actor, owner)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(3))
        assert channel.wait_for_count(3) == forwarded(reports(3))
        assert obeys(supervisor, trainer)


@pytest.mark.parametrize("actor", ALL)
def test_when_bypassed_it_is_replaced_and_the_job_goes_on(
    supervisor: SupervisorRef, owner: Probe[Any], actor: str
) -> None:
    attach_client(supervisor, FakeChannel())
    ask_start(supervisor, gui=False)
    crash(actor, owner)
    assert status(supervisor).phase is Phase.BYPASSED
    stop(supervisor)


@pytest.mark.parametrize("actor", ALL)
def test_in_the_connect_wait_it_is_replaced_and_the_job_becomes_ready(
    new_supervisor: NewSupervisor, owner: Probe[Any], actor: str
) -> None:
    supervisor = new_supervisor(connect_wait=0.5)
    channel, answers = FakeChannel(), Probe[Any]()
    attach_client(supervisor, channel)
    supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
    wait_for_phase(supervisor, Phase.CONNECTING)
    crash(actor, owner)
    ready = answers.get()
    assert isinstance(ready, ReportingReady)
    with trainer_for(ready) as trainer:
        trainer.send(*reports(3))
        assert channel.wait_for_count(3) == forwarded(reports(3))
        assert obeys(supervisor, trainer)


def test_the_crash_that_is_one_too_many_while_who_has_joined_is_looked_up_fails_the_start(
    new_supervisor: NewSupervisor, owner: Probe[Any], loop_thread: LoopThread
) -> None:
    clock, answers = ManualScheduler(), Probe[Any]()
    supervisor = new_supervisor(scheduler=clock, connect_wait=1.25)
    supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
    wait_for_phase(supervisor, Phase.CONNECTING)
    for _ in range(3):
        crash(LISTENER, owner)
    with stuck(loop_thread):
        tell_alien(LISTENER)
        clock.advance(1.25)
        assert settled(lambda: clock.waiting(PEERS_TIMEOUT))  # the listener has been asked
    failed = answers.get()
    assert isinstance(failed, ReportingFailed)
    assert "4 times" in failed.reason
    status(supervisor)
    assert owner.drain() == []


@pytest.mark.parametrize("actor", SOCKETS)
def test_while_the_sockets_are_being_bound_the_start_is_answered_and_the_next_one_works(
    supervisor: SupervisorRef, owner: Probe[Any], loop_thread: LoopThread, actor: str
) -> None:
    answers: Probe[Any] = Probe()
    with stuck(loop_thread):
        supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
        wait_for_phase(supervisor, Phase.BINDING)
        tell_alien(actor)
    answer = answers.get()
    assert isinstance(answer, ReportingReady | ReportingFailed)
    if isinstance(answer, ReportingReady):
        owner.wait_for(ReportingDegraded)
        stop(supervisor)
    else:
        assert owner.drain() == []  # the answer says it, and nothing goes on
    start(supervisor, "job-2")
    stop(supervisor, "job-2")


def test_while_the_sockets_are_being_bound_a_clients_crash_does_not_end_the_job(
    supervisor: SupervisorRef, owner: Probe[Any], loop_thread: LoopThread
) -> None:
    channel, answers = FakeChannel(), Probe[Any]()
    attach_client(supervisor, channel)
    with stuck(loop_thread):
        tell_alien(CLIENT)
        supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
        wait_for_phase(supervisor, Phase.BINDING)
    owner.wait_for(ReportingDegraded)
    ready = answers.get()
    assert isinstance(ready, ReportingReady)
    with trainer_for(ready) as trainer:
        trainer.send(*reports(3))
        assert channel.wait_for_count(3) == forwarded(reports(3))


@pytest.mark.parametrize("actor", ALL)
def test_while_clients_are_given_what_is_left_it_does_not_hold_up_the_stop(
    supervisor: SupervisorRef, owner: Probe[Any], loop_thread: LoopThread, actor: str
) -> None:
    channel, answers = FakeChannel(buffering=True), Probe[Any]()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(3))
        channel.wait_for_count(3)
    supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=answers))
    wait_for_phase(supervisor, Phase.STOPPING)
    crash(actor, owner)
    loop_thread.call(channel.drain)
    stopped = answers.get()
    assert isinstance(stopped, ReportingStopped)
    assert stopped.summary.received == stopped.summary.forwarded == 3
    loop_thread.call(channel.drain)
    start(supervisor, "job-2")
    stop(supervisor, "job-2")


def test_a_listener_that_crashes_instead_of_stopping_does_not_hold_up_the_stop(
    supervisor: SupervisorRef, owner: Probe[Any], loop_thread: LoopThread
) -> None:
    start(supervisor)
    answers: Probe[Any] = Probe()
    with stuck(loop_thread):
        tell_alien(LISTENER)
        supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.FAILED, reply_to=answers))
        wait_for_phase(supervisor, Phase.STOPPING)
    assert isinstance(answers.get(), ReportingStopped)
    start(supervisor, "job-2")


@pytest.mark.parametrize("actor", ALL)
def test_in_the_switch_to_the_next_job_both_jobs_are_answered_and_the_next_is_reported(
    supervisor: SupervisorRef, owner: Probe[Any], loop_thread: LoopThread, actor: str
) -> None:
    channel, answers = FakeChannel(), Probe[Any]()
    attach_client(supervisor, channel)
    ready = start(supervisor)
    with trainer_for(ready) as trainer:
        owner.wait_for(TrainerConnected)
        trainer.send(*reports(3))
        channel.wait_for_count(3)
    # The next trainer comes within the second in which one that lives on would connect again.
    assert settled(lambda: not status(supervisor).trainer_connected)
    with stuck(loop_thread):
        tell_alien(actor)
        tell_switch(supervisor, answers)
        status(supervisor)
    stopped, next_ready = answers.get(), answers.get()
    assert isinstance(stopped, ReportingStopped)
    assert stopped.summary.received == 3
    assert isinstance(next_ready, ReportingReady)
    assert next_ready.control_address == ready.control_address
    assert next_ready.progress_address == ready.progress_address
    owner.wait_for(ReportingDegraded)
    with trainer_for(next_ready) as trainer:
        assert is_heard(channel, trainer)
        assert obeys(supervisor, trainer)
    assert stop(supervisor, "job-2").summary.received == len(channel.sent) - 3
