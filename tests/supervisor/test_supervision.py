"""A child that crashes is started again on the same addresses, and reporting goes on."""

from typing import Any

import pykka
import pytest

from actors import SupervisorRef
from messages import (
    ControlHeld,
    ControlRejected,
    JobOutcome,
    Phase,
    ReportingDegraded,
    ReportingFailed,
    ReportingStopped,
    SendControl,
    StopReporting,
    TrainerConnected,
    TrainerDisconnected,
)
from tests.support.channel import FakeChannel
from tests.support.crashes import (
    ALL,
    CONTROL,
    LISTENER,
    SOCKETS,
    crash,
    is_heard,
    obeys_again,
    tell_alien,
)
from tests.support.event_loop import LoopThread
from tests.support.mailboxes import Gate
from tests.support.probe import Probe
from tests.support.reporting import (
    NewSupervisor,
    attach_client,
    start,
    status,
    stop,
    trainer_for,
    wait_for_phase,
)
from tests.support.texts import forwarded, reports
from tests.support.waiting import PATIENCE


@pytest.mark.parametrize("actor", ALL)
def test_in_reporting_it_is_replaced_on_the_same_addresses_and_reports_go_on(
    supervisor: SupervisorRef, owner: Probe[Any], actor: str
) -> None:
    ready, channel = start(supervisor), FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(ready) as trainer:
        trainer.send(*reports(3))
        channel.wait_for_count(3)
        degraded = crash(actor, owner)
        assert "AssertionError" in degraded.reason
        assert is_heard(channel, trainer)
        assert channel.sent[:3] == forwarded(reports(3))
        assert set(channel.sent[3:]) == set(forwarded(["are you there?"]))
        assert obeys_again(supervisor, trainer)
        now = status(supervisor)
        assert now.phase is Phase.REPORTING
        assert now.addresses is not None
        assert now.addresses.control == ready.control_address
        assert now.addresses.progress == ready.progress_address
    summary = stop(supervisor).summary
    assert summary.received == summary.forwarded == len(channel.sent)
    assert summary.failed == summary.undecodable == 0


def test_the_log_outlives_its_listener(supervisor: SupervisorRef, owner: Probe[Any]) -> None:
    early, late = FakeChannel(), FakeChannel()
    attach_client(supervisor, early, "early")
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(5))
        early.wait_for_count(5)
        crash(LISTENER, owner)
        attach_client(supervisor, late, "late")
        assert late.wait_for_count(5)[:5] == forwarded(reports(5))
        assert status(supervisor).received >= 5


def test_a_crashed_control_socket_hears_the_trainer_again(
    supervisor: SupervisorRef, owner: Probe[Any]
) -> None:
    with trainer_for(start(supervisor)):
        owner.wait_for(TrainerConnected)
        tell_alien(CONTROL)
        owner.wait_for(TrainerDisconnected)
        owner.wait_for(ReportingDegraded)
        owner.wait_for(TrainerConnected)
        assert status(supervisor).trainer_connected


def test_a_command_that_was_held_by_a_crashed_control_socket_is_rejected(
    supervisor: SupervisorRef, owner: Probe[Any]
) -> None:
    start(supervisor)
    replies: Probe[Any] = Probe()
    supervisor.tell(SendControl(command="STOP", reply_to=replies))
    replies.expect(ControlHeld())
    crash(CONTROL, owner)
    assert isinstance(replies.get(), ControlRejected)


def test_a_command_that_comes_between_the_crash_and_its_discovery_is_answered_too(
    supervisor: SupervisorRef, owner: Probe[Any]
) -> None:
    start(supervisor)
    gate, replies = Gate(), Probe[Any]()
    # The supervisor is held up in this answer, so that the command is handled before the crash.
    supervisor.tell(StopReporting(job_id="?", outcome=JobOutcome.FAILED, reply_to=gate))
    gate.wait()
    supervisor.tell(SendControl(command="STOP", reply_to=replies))
    (control,) = pykka.ActorRegistry.get_by_class_name(CONTROL)
    control.tell(object())
    assert control.actor_stopped.wait(PATIENCE)
    gate.open()
    owner.wait_for(ReportingDegraded)
    assert isinstance(replies.get(), ControlHeld | ControlRejected)


@pytest.mark.parametrize("actor", SOCKETS)
def test_more_than_three_crashes_in_five_seconds_end_reporting_and_the_owner_hears_why(
    supervisor: SupervisorRef, owner: Probe[Any], actor: str
) -> None:
    start(supervisor)
    for _ in range(3):
        crash(actor, owner)
        assert status(supervisor).phase is Phase.REPORTING
    tell_alien(actor)
    events = [owner.get()]
    while not isinstance(events[-1], ReportingFailed):
        events.append(owner.get())
    assert not any(isinstance(event, ReportingDegraded) for event in events)
    failed = events[-1]
    assert failed.job_id == "job-1"
    assert "4 times" in failed.reason
    ended = status(supervisor)
    assert (ended.phase, ended.addresses, ended.job_id) == (Phase.IDLE, None, None)
    assert owner.drain() == []
    start(supervisor, "job-2")
    crash(actor, owner)  # a new job has crashes of its own
    assert status(supervisor).phase is Phase.REPORTING


def test_who_stops_what_has_failed_has_the_counts_before_the_owner_hears_why(
    new_supervisor: NewSupervisor, owner: Probe[Any], loop_thread: LoopThread
) -> None:
    supervisor = new_supervisor(drain_timeout=10 * PATIENCE)
    channel = FakeChannel(buffering=True)
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("one")
        channel.wait_for_count(1)
        for _ in range(3):
            crash(CONTROL, owner)
        tell_alien(CONTROL)
        wait_for_phase(supervisor, Phase.STOPPING)  # until the channel has sent what it has
        supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=owner))
        loop_thread.call(channel.drain)
        ended: list[Any] = []
        while len(ended) < 2:
            event = owner.get()
            if isinstance(event, ReportingStopped | ReportingFailed):
                ended.append(event)
    assert [type(event) for event in ended] == [ReportingStopped, ReportingFailed]
    assert ended[0].summary.received == 1
