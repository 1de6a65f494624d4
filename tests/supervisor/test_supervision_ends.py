"""The supervisor's own violent ends, and mailboxes of the embedder that raise."""

from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from actors import (
    ReporterSettings,
    SupervisorActor,
    SupervisorRef,
    progress_listener,
    spawn_supervisor,
)
from messages import (
    GetStatus,
    JobOutcome,
    Phase,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    SendControl,
    StartReporting,
    StopReporting,
    SwitchJob,
)
from tests.support.addresses import is_free
from tests.support.channel import FakeChannel
from tests.support.crashes import crash_supervisor
from tests.support.event_loop import LoopThread, stuck
from tests.support.mailboxes import Raising
from tests.support.probe import Probe
from tests.support.reporting import (
    NewSupervisor,
    ask_start,
    attach_client,
    start,
    status,
    stop,
    trainer_for,
    wait_for_phase,
)
from tests.support.texts import forwarded, reports
from tests.support.waiting import PATIENCE, settled

OURS = ["SupervisorActor", "ControlSocketActor", "ProgressListenerActor", "ClientChannelActor"]


def stop_all() -> None:
    pykka.ActorRegistry.stop_all(timeout=PATIENCE)


ENDS = pytest.mark.parametrize("end", [crash_supervisor, stop_all])


def nothing_runs() -> bool:
    return not any(pykka.ActorRegistry.get_by_class_name(name) for name in OURS)


@pytest.fixture
def open_ended(supervisor: SupervisorRef) -> SupervisorRef:
    """A supervisor that the test ends."""
    return supervisor


@ENDS
def test_when_idle_it_ends_its_children(open_ended: SupervisorRef, end: Any) -> None:
    attach_client(open_ended, FakeChannel())
    end()
    assert settled(nothing_runs)
    assert open_ended.stop(timeout=PATIENCE)


@ENDS
def test_while_reporting_it_closes_its_sockets_and_its_context(
    open_ended: SupervisorRef, end: Any
) -> None:
    channel = FakeChannel()
    attach_client(open_ended, channel)
    ready = start(open_ended)
    with trainer_for(ready) as trainer:
        trainer.send(*reports(3))
        channel.wait_for_count(3)
        end()
        assert settled(nothing_runs)
        assert settled(lambda: is_free(ready.control_address))
        assert settled(lambda: is_free(ready.progress_address))
    assert open_ended.stop(timeout=PATIENCE)
    assert channel.sent == forwarded(reports(3))
    assert channel.readyState == "open"


@ENDS
def test_who_waits_for_the_start_is_answered(new_supervisor: NewSupervisor, end: Any) -> None:
    supervisor = new_supervisor(connect_wait=1_000.0)
    answers: Probe[Any] = Probe()
    supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
    wait_for_phase(supervisor, Phase.CONNECTING)
    end()
    answer = answers.get()
    assert isinstance(answer, ReportingFailed)
    assert answer.job_id == "job-1"
    assert answer.reason
    assert supervisor.stop(timeout=PATIENCE)


@ENDS
def test_who_waits_for_the_stop_is_answered_with_the_counts(
    open_ended: SupervisorRef, loop_thread: LoopThread, end: Any
) -> None:
    channel, answers = FakeChannel(buffering=True), Probe[Any]()
    attach_client(open_ended, channel)
    ready = start(open_ended)
    with trainer_for(ready) as trainer:
        trainer.send(*reports(3))
        channel.wait_for_count(3)
    open_ended.tell(StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=answers))
    assert settled(lambda: is_free(ready.progress_address))  # all has been received
    wait_for_phase(open_ended, Phase.STOPPING)
    end()
    answer = answers.get()
    assert isinstance(answer, ReportingStopped)
    assert answer.outcome is JobOutcome.COMPLETED
    assert answer.summary.received == 3
    assert settled(nothing_runs)
    assert open_ended.stop(timeout=PATIENCE)


def test_who_waits_for_a_status_is_answered_at_a_crash(
    open_ended: SupervisorRef, loop_thread: LoopThread
) -> None:
    answers: Probe[Any] = Probe()
    with stuck(loop_thread):
        open_ended.tell(GetStatus(reply_to=answers))
        crash_supervisor()
        assert answers.get().phase is Phase.IDLE
    assert open_ended.stop(timeout=PATIENCE)
    assert settled(nothing_runs)  # the loop's actors end when it is well again


def test_a_crash_while_the_loop_is_stuck_closes_the_sockets_all_the_same(
    open_ended: SupervisorRef, loop_thread: LoopThread
) -> None:
    ready = start(open_ended)
    with stuck(loop_thread):
        crash_supervisor()
        assert settled(lambda: is_free(ready.control_address))
        assert settled(lambda: is_free(ready.progress_address))
        assert open_ended.stop(timeout=PATIENCE)
    assert settled(nothing_runs)


def test_another_supervisor_is_not_touched_by_a_crash(
    open_ended: SupervisorRef, loop_thread: LoopThread, settings: ReporterSettings
) -> None:
    crash_supervisor()
    other = spawn_supervisor(loop=loop_thread.loop, owner=Probe(), settings=settings)
    ready = start(other)
    assert open_ended.stop(timeout=PATIENCE)
    channel = FakeChannel()
    attach_client(other, channel)
    with trainer_for(ready) as trainer:
        trainer.send(*reports(3))
        channel.wait_for_count(3)
    assert other.stop(timeout=PATIENCE)


def test_a_start_that_fails_leaves_no_child_behind(
    loop_thread: LoopThread, settings: ReporterSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spawn(**_: Any) -> Any:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(progress_listener, "spawn", spawn)
    gone: Probe[Any] = Probe()
    ref = SupervisorActor.start(
        loop=loop_thread.loop,
        owner=Probe(),
        settings=settings,
        scheduler=None,
        gone=gone,
    )
    assert "new thread" in gone.get().reason
    assert ref.actor_stopped.wait(PATIENCE)
    assert settled(nothing_runs)


@pytest.fixture
def unheard(loop_thread: LoopThread, settings: ReporterSettings) -> Iterator[SupervisorRef]:
    """A supervisor whose owner's mailbox raises."""
    ref = spawn_supervisor(loop=loop_thread.loop, owner=Raising(), settings=settings)
    yield ref
    assert ref.stop(timeout=PATIENCE)


def test_an_owner_whose_mailbox_raises_does_not_matter(
    unheard: SupervisorRef, loop_thread: LoopThread
) -> None:
    channel = FakeChannel()
    attach_client(unheard, channel)
    with trainer_for(start(unheard)) as trainer:
        trainer.send(*reports(3))
        channel.wait_for_count(3)
        (control,) = pykka.ActorRegistry.get_by_class_name("ControlSocketActor")
        control.tell(object())
        assert control.actor_stopped.wait(PATIENCE)
        loop_thread.call(channel.receive, "for the owner")
        unheard.tell(SendControl(command="STOP", reply_to=Probe()))
        assert status(unheard).phase is Phase.REPORTING
    loop_thread.call(channel.close)
    assert stop(unheard).summary.forwarded == 3


def test_requests_whose_mailboxes_raise_do_not_matter(supervisor: SupervisorRef) -> None:
    raising = Raising()
    supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=raising))
    supervisor.tell(StartReporting(job_id="job-0", gui=True, reply_to=raising))
    wait_for_phase(supervisor, Phase.REPORTING)
    supervisor.tell(GetStatus(reply_to=raising))
    supervisor.tell(SendControl(command="STOP", reply_to=raising))
    supervisor.tell(SendControl(command="", reply_to=raising))
    supervisor.tell(
        SwitchJob(job_id="job-1", outcome=JobOutcome.FAILED, next_job_id="job-2", reply_to=raising)
    )
    supervisor.tell(StopReporting(job_id="job-9", outcome=JobOutcome.FAILED, reply_to=raising))
    supervisor.tell(StopReporting(job_id="job-2", outcome=JobOutcome.FAILED, reply_to=raising))
    wait_for_phase(supervisor, Phase.IDLE)
    supervisor.tell(StartReporting(job_id="job-3", gui=False, reply_to=raising))
    wait_for_phase(supervisor, Phase.BYPASSED)
    supervisor.tell(StopReporting(job_id="job-3", outcome=JobOutcome.FAILED, reply_to=raising))
    wait_for_phase(supervisor, Phase.IDLE)
    assert isinstance(ask_start(supervisor, "job-4"), ReportingReady)
