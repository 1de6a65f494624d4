"""A child that crashes is started again on the same addresses, and reporting goes on."""

import threading
from typing import Any

import pykka
import pytest

from actors import ReporterSettings, SupervisorRef, spawn_supervisor
from messages import (
    ControlHeld,
    ControlRejected,
    JobOutcome,
    Phase,
    ReportingDegraded,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    SendControl,
    StartReporting,
    StopReporting,
    SwitchJob,
    TrainerConnected,
    TrainerDisconnected,
)
from tests.conftest import FREE_PORT, settled
from tests.support.channel import FakeChannel
from tests.support.event_gate import stuck
from tests.support.event_loop import LoopThread
from tests.support.probe import PATIENCE, Probe
from tests.support.reporting import (
    ask_start,
    attach_client,
    forwarded,
    reports,
    start,
    status,
    stop,
    trainer_for,
    wait_for_phase,
)
from tests.support.trainer import StandInTrainer

CONTROL, LISTENER, CLIENT = "ControlSocketActor", "ProgressListenerActor", "ClientChannelActor"
SOCKETS = [CONTROL, LISTENER]
ALL = [*SOCKETS, CLIENT]


class Gate:
    """A mailbox that holds its teller up until it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def tell(self, _: object, /) -> None:
        self.entered.set()
        self.opened.wait(PATIENCE)


def tell_alien(actor: str) -> None:
    """Make ``actor`` crash when it comes to it."""
    (ref,) = pykka.ActorRegistry.get_by_class_name(actor)
    ref.tell(object())


def crash(actor: str, owner: Probe[Any]) -> ReportingDegraded:
    """Make ``actor`` crash; what the owner hears of it."""
    tell_alien(actor)
    return owner.wait_for(ReportingDegraded)


def is_heard(channel: FakeChannel, trainer: StandInTrainer) -> bool:
    """Whether what the trainer sends reaches the client, once it has connected again."""
    count = len(channel.sent)

    def one_more() -> bool:
        trainer.send("are you there?")
        return len(channel.sent) > count

    return settled(one_more)


def obeys(supervisor: SupervisorRef, trainer: StandInTrainer) -> bool:
    """Whether the trainer gets what is published, once it has connected again."""
    supervisor.tell(SendControl(command="STOP", reply_to=Probe()))
    return trainer.command() == "STOP"


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
        assert obeys(supervisor, trainer)
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
    assert gate.entered.wait(PATIENCE)
    supervisor.tell(SendControl(command="STOP", reply_to=replies))
    (control,) = pykka.ActorRegistry.get_by_class_name(CONTROL)
    control.tell(object())
    assert control.actor_stopped.wait(PATIENCE)
    gate.opened.set()
    owner.wait_for(ReportingDegraded)
    assert isinstance(replies.get(within=3.0), ControlHeld | ControlRejected)


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
    loop_thread: LoopThread, owner: Probe[Any], actor: str
) -> None:
    settings = ReporterSettings(
        control_address=FREE_PORT, progress_address=FREE_PORT, connect_wait=0.5
    )
    supervisor = spawn_supervisor(loop=loop_thread.loop, owner=owner, settings=settings)
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
    assert supervisor.stop(timeout=PATIENCE)


@pytest.mark.parametrize("actor", SOCKETS)
def test_while_the_sockets_are_being_bound_the_start_is_answered_and_the_next_one_works(
    supervisor: SupervisorRef, owner: Probe[Any], loop_thread: LoopThread, actor: str
) -> None:
    answers: Probe[Any] = Probe()
    with stuck(loop_thread):
        supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
        wait_for_phase(supervisor, Phase.BINDING)
        tell_alien(actor)
    owner.wait_for(ReportingDegraded)
    answer = answers.get()
    assert isinstance(answer, ReportingReady | ReportingFailed)
    if isinstance(answer, ReportingReady):
        stop(supervisor)
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
        trainer.send(*reports(3))
        channel.wait_for_count(3)
    with stuck(loop_thread):
        tell_alien(actor)
        supervisor.tell(
            SwitchJob(
                job_id="job-1",
                outcome=JobOutcome.COMPLETED,
                next_job_id="job-2",
                reply_to=answers,
            )
        )
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


@pytest.mark.parametrize("actor", SOCKETS)
def test_more_than_three_crashes_in_five_seconds_end_reporting_and_the_owner_hears_why(
    supervisor: SupervisorRef, owner: Probe[Any], actor: str
) -> None:
    start(supervisor)
    for _ in range(3):
        crash(actor, owner)
        assert status(supervisor).phase is Phase.REPORTING
    tell_alien(actor)
    failed = owner.wait_for(ReportingFailed)
    assert failed.job_id == "job-1"
    assert "4 times" in failed.reason
    ended = status(supervisor)
    assert (ended.phase, ended.addresses, ended.job_id) == (Phase.IDLE, None, None)
    start(supervisor, "job-2")
    crash(actor, owner)  # a new job has crashes of its own
    assert status(supervisor).phase is Phase.REPORTING
