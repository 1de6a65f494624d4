"""A crashed child's address may be busy for a moment, and the run goes on meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pykka
import pytest

from actors import ReporterSettings, SupervisorRef
from actors.control_socket import actor as control_socket
from actors.progress_listener import socket as progress_socket
from actors.supervisor.sockets import REOPEN_INTERVAL, REOPENS
from actors.zmq_sockets import NotBoundError
from messages import (
    ControlHeld,
    ControlPublished,
    ControlRejected,
    JobOutcome,
    Phase,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    SendControl,
    StartReporting,
    StopReporting,
    SwitchJob,
    TrainerConnected,
)
from tests.support.addresses import fixed_addresses, is_served
from tests.support.channel import FakeChannel
from tests.support.clock import ManualScheduler
from tests.support.crashes import (
    CONTROL,
    LISTENER,
    SOCKETS,
    crash,
    crash_supervisor,
    is_heard,
    obeys,
    obeys_again,
    tell_alien,
)
from tests.support.event_loop import LoopThread, stuck
from tests.support.mailboxes import Gate
from tests.support.probe import Probe
from tests.support.reporting import (
    NewSupervisor,
    attach_client,
    start,
    status,
    stop,
    switch,
    tell_switch,
    trainer_for,
    wait_for_phase,
)
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE, settled


@pytest.fixture
def settings() -> ReporterSettings:
    """Addresses of the test's own, which somebody else may take."""
    control, progress = fixed_addresses(2)
    return ReporterSettings(control_address=control, progress_address=progress, connect_wait=0.0)


@contextmanager
def busy_once(actor: str) -> Iterator[Event]:
    """The address of ``actor`` is busy when it is bound for the first time from here on."""
    module: Any = control_socket if actor == CONTROL else progress_socket
    bind, was_busy = module.bind, Event()

    def busy(*arguments: Any, **options: Any) -> Any:
        if was_busy.is_set():
            return bind(*arguments, **options)
        was_busy.set()
        raise NotBoundError("the address is busy for a moment")

    module.bind = busy
    try:
        yield was_busy
    finally:
        module.bind = bind


@pytest.mark.parametrize("actor", SOCKETS)
def test_a_switch_meanwhile_does_not_leave_the_next_job_without_its_socket(
    supervisor: SupervisorRef, owner: Probe[Any], settings: ReporterSettings, actor: str
) -> None:
    channel = FakeChannel()
    attach_client(supervisor, channel)
    start(supervisor)
    with busy_once(actor) as was_busy:
        crash(actor, owner)
        assert was_busy.wait(PATIENCE)
    switch(supervisor)
    with StandInTrainer(
        control_address=settings.control_address, progress_address=settings.progress_address
    ) as trainer:
        assert is_heard(channel, trainer)
        assert obeys(supervisor, trainer)
    stop(supervisor, "job-2")


def test_one_that_has_no_socket_opens_none(
    new_supervisor: NewSupervisor, owner: Probe[Any]
) -> None:
    supervisor = new_supervisor(control_address=None)
    start(supervisor)
    crash(CONTROL, owner)
    answers: Probe[Any] = Probe()
    supervisor.tell(SendControl(command="STOP", reply_to=answers))
    assert isinstance(answers.get(), ControlRejected)


def test_a_command_meanwhile_is_held_until_the_socket_is_open_again(
    supervisor: SupervisorRef, owner: Probe[Any]
) -> None:
    answers: Probe[Any] = Probe()
    with trainer_for(start(supervisor)) as trainer:
        owner.wait_for(TrainerConnected)
        with busy_once(CONTROL) as was_busy:
            crash(CONTROL, owner)
            assert was_busy.wait(PATIENCE)
            supervisor.tell(SendControl(command="STOP", reply_to=answers))
            assert isinstance(answers.get(), ControlHeld)
        assert trainer.command() == "STOP"
        assert isinstance(answers.get(), ControlPublished)


@pytest.mark.parametrize("actor", SOCKETS)
def test_a_second_crash_meanwhile_does_not_end_a_report_that_is_well(
    new_supervisor: NewSupervisor, owner: Probe[Any], settings: ReporterSettings, actor: str
) -> None:
    clock = ManualScheduler()
    supervisor = new_supervisor(scheduler=clock)
    answers: Probe[Any] = Probe()
    supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
    wait_for_phase(supervisor, Phase.CONNECTING)
    clock.advance(0.0)
    assert isinstance(answers.get(), ReportingReady)
    with busy_once(actor) as was_busy:
        crash(actor, owner)
        assert was_busy.wait(PATIENCE)
    assert settled(lambda: clock.waiting(REOPEN_INTERVAL))
    crash(actor, owner)
    address = settings.control_address if actor == CONTROL else settings.progress_address
    assert address is not None
    assert settled(lambda: is_served(address))
    for _ in range(REOPENS + 1):
        clock.advance(REOPEN_INTERVAL)
        assert status(supervisor).phase is Phase.REPORTING
    assert not [m for m in owner.drain() if isinstance(m, ReportingFailed)]
    stopping = Probe[Any]()
    supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.FAILED, reply_to=stopping))
    assert isinstance(stopping.get(), ReportingStopped)
    assert supervisor.stop(timeout=PATIENCE)


@pytest.mark.parametrize("actor", SOCKETS)
def test_a_stop_meanwhile_ends_it(
    new_supervisor: NewSupervisor, owner: Probe[Any], monkeypatch: pytest.MonkeyPatch, actor: str
) -> None:
    clock = ManualScheduler()
    supervisor = new_supervisor(scheduler=clock, drain_timeout=0.3)
    slow = FakeChannel(buffering=True)
    attach_client(supervisor, slow)
    answers, stopped = Probe[Any](), Probe[Any]()
    supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
    wait_for_phase(supervisor, Phase.CONNECTING)
    clock.advance(0.0)
    with trainer_for(answers.get()) as trainer:
        trainer.send("x" * 20_000, "the rest")
        assert settled(lambda: status(supervisor).received == 2)
        slow.wait_for_count(1)
    with busy_once(actor) as was_busy:
        crash(actor, owner)
        assert was_busy.wait(PATIENCE)
        assert settled(lambda: clock.waiting(REOPEN_INTERVAL))
        binds: list[object] = []
        module: Any = control_socket if actor == CONTROL else progress_socket
        bind = module.bind
        monkeypatch.setattr(module, "bind", lambda *a, **k: binds.append(a) or bind(*a, **k))
        supervisor.tell(
            StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=stopped)
        )
        wait_for_phase(supervisor, Phase.STOPPING)
        clock.advance(REOPEN_INTERVAL)
        status(supervisor)
        summary = stopped.get().summary
        monkeypatch.undo()
    assert summary.received == 2
    assert binds == []
    assert status(supervisor).phase is Phase.IDLE


def test_a_stop_that_a_former_trainer_took_after_a_crash_reaches_the_next_one_too(
    supervisor: SupervisorRef, owner: Probe[Any]
) -> None:
    ready = start(supervisor)
    with trainer_for(ready) as former:
        owner.wait_for(TrainerConnected)
        switch(supervisor)
        crash(CONTROL, owner)
        assert obeys_again(supervisor, former)
        with trainer_for(ready) as trainer:
            assert trainer.command() == "STOP"


def test_the_crash_that_is_one_too_many_in_a_switch_does_not_wait_for_the_dead(
    new_supervisor: NewSupervisor,
    owner: Probe[Any],
    loop_thread: LoopThread,
    caplog: pytest.LogCaptureFixture,
) -> None:
    supervisor = new_supervisor(drain_timeout=10 * PATIENCE)
    start(supervisor)
    for _ in range(3):
        crash(LISTENER, owner)
    answers: Probe[Any] = Probe()
    with stuck(loop_thread):
        tell_alien(LISTENER)
        tell_switch(supervisor, answers)
        status(supervisor)
    assert isinstance(answers.get(), ReportingStopped)
    assert isinstance(answers.get(), ReportingFailed)
    assert "event loop is stuck" not in caplog.text


def test_who_waits_in_the_inbox_of_a_supervisor_that_crashes_is_answered(
    supervisor: SupervisorRef,
) -> None:
    gate, answers = Gate(), [Probe[Any]() for _ in range(4)]
    supervisor.tell(StopReporting(job_id="?", outcome=JobOutcome.FAILED, reply_to=gate))
    gate.wait()
    crash_supervisor()
    supervisor.tell(SendControl(command="STOP", reply_to=answers[0]))
    supervisor.tell(StartReporting(job_id="a", gui=True, reply_to=answers[1]))
    supervisor.tell(StopReporting(job_id="b", outcome=JobOutcome.FAILED, reply_to=answers[2]))
    supervisor.tell(
        SwitchJob(job_id="c", outcome=JobOutcome.FAILED, next_job_id="d", reply_to=answers[3])
    )
    gate.open()
    assert isinstance(answers[0].get(), ControlRejected)
    assert [answer.get().job_id for answer in answers[1:]] == ["a", "b", "c"]
    assert settled(lambda: not pykka.ActorRegistry.get_all())
