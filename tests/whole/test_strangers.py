"""Whose trainer: a training that was there before, and one that comes later."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from actors import PortConflict, SupervisorRef
from actors.zmq_sockets import peer_watch
from messages import (
    ControlHeld,
    ControlPublished,
    KnowTrainer,
    Peer,
    Phase,
    ReportingFailed,
    ReportingReady,
    SendControl,
    StartReporting,
    StopReporting,
    StrangerConnected,
    TrainerConnected,
)
from tests.support.addresses import becomes_free, fixed_addresses
from tests.support.channel import FakeChannel
from tests.support.clock import ManualScheduler
from tests.support.probe import Probe
from tests.support.reporting import (
    NewSupervisor,
    attach_client,
    start,
    status,
    stop,
    switch,
    trainer_for,
    wait_for_phase,
)
from tests.support.strangers import NOBODY, needs_root, orphan, trainer_at, trainer_of_user
from tests.support.texts import forwarded, reports
from tests.support.waiting import settled

CONNECT_WAIT = 1.25
"""Seconds; no other timer runs for as long."""

OURS = os.getpid()


class Started:
    """A supervisor at fixed addresses, whose connect wait ends when the test says so."""

    def __init__(self, new_supervisor: NewSupervisor, folder: Path) -> None:
        self.control, self.progress = fixed_addresses(2)
        self._new_supervisor = new_supervisor
        self._folder = folder
        self.clock = ManualScheduler()
        self.supervisor: SupervisorRef
        self.channel = FakeChannel()
        self.answers: Probe[Any] = Probe()

    @contextmanager
    def leftover(self, user: int | None = None) -> Iterator[int]:
        """A training that reports to the addresses without end, and says when it has joined."""
        steps = ("touch:joined", "send-every:0.002")  # another user may not see its path
        make, whose = (trainer_at, ()) if user is None else (trainer_of_user, (user,))
        command = make(*whose, self.control, self.progress, *steps)
        with orphan(*command, folder=self._folder) as pid:
            yield pid

    def start(self, *trainers: int | None, **settings: Any) -> None:
        """Come to the connect wait; ``trainers`` are told before."""
        self.supervisor = self._new_supervisor(
            scheduler=self.clock,
            control_address=self.control,
            progress_address=self.progress,
            connect_wait=CONNECT_WAIT,
            **settings,
        )
        attach_client(self.supervisor, self.channel)
        for pid in trainers:
            self.supervisor.tell(KnowTrainer(pid=pid))
        self.supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=self.answers))
        wait_for_phase(self.supervisor, Phase.CONNECTING)

    def wait_for_leftover(self) -> None:
        assert settled((self._folder / "joined").exists)

    def begins_again(self) -> bool:
        """Whether it is in the connect wait at other addresses."""
        found = status(self.supervisor)
        return found.phase is Phase.CONNECTING and self.progress not in str(found.addresses)

    def ends_wait(self) -> Any:
        """The answer to the start."""
        self.clock.advance(CONNECT_WAIT)
        return self.answers.get()


@pytest.fixture
def started(new_supervisor: NewSupervisor, tmp_path: Path) -> Started:
    tmp_path.chmod(0o777)
    return Started(new_supervisor, tmp_path)


def test_a_start_where_a_stranger_reports_is_refused_and_nothing_of_it_is_kept(started, owner):
    with started.leftover() as pid:
        started.start(OURS)
        started.wait_for_leftover()
        refused = started.ends_wait()
        assert isinstance(refused, ReportingFailed)
        assert [peer.pid for peer in refused.strangers] == [pid]
        assert refused.reason.startswith(f"process {pid}, python")
        assert f", reports to {started.progress}: end it, or" in refused.reason
        assert becomes_free(started.control)
        assert becomes_free(started.progress)
    assert owner.drain() == []
    found = status(started.supervisor)
    assert (found.phase, found.received) == (Phase.IDLE, 0)
    assert started.channel.sent == []


def test_with_free_ports_they_are_taken_and_nothing_of_the_stranger_is_reported(started, owner):
    with started.leftover() as pid:
        started.start(OURS, on_port_conflict=PortConflict.FREE)
        started.wait_for_leftover()
        started.clock.advance(CONNECT_WAIT)
        assert settled(started.begins_again)
        ready = started.ends_wait()
        assert isinstance(ready, ReportingReady)
        assert {ready.control_address, ready.progress_address}.isdisjoint(
            {started.control, started.progress}
        )
        (conflict,) = ready.conflicts
        assert conflict.startswith(f"process {pid}, python")
        assert conflict.endswith(f", reports to {started.progress}")
        assert ready.peers == ()
        with trainer_for(ready) as trainer:
            assert owner.get().pid == OURS
            trainer.send(*reports(3))
            assert started.channel.wait_for_count(3) == forwarded(reports(3))
        summary = stop(started.supervisor).summary
    assert (summary.received, summary.forwarded) == (3, 3)


def test_a_stop_while_the_ports_are_changed_ends_it_in_order(started):
    stopped: Probe[Any] = Probe()
    with started.leftover():
        started.start(OURS, on_port_conflict=PortConflict.FREE)
        started.wait_for_leftover()
        started.clock.advance(CONNECT_WAIT)
        started.supervisor.tell(
            StopReporting(job_id="job-1", outcome="cancelled", reply_to=stopped)
        )
        assert stopped.get().job_id == "job-1"
        assert isinstance(started.answers.get(), ReportingFailed)
    assert status(started.supervisor).phase is Phase.IDLE


def test_a_trainer_of_ones_own_is_no_stranger_and_its_reports_are_kept_from_the_first(started):
    with started.leftover() as pid:
        started.start(pid)
        started.wait_for_leftover()
        ready = started.ends_wait()
        assert isinstance(ready, ReportingReady)
        assert [peer.pid for peer in ready.peers] == [pid]
        assert started.channel.wait_for_count(100)[:100] == forwarded(reports(100))


def test_a_host_that_does_not_say_who_the_trainer_is_is_told_how_to_take_it_for_the_trainer(
    started,
):
    with started.leftover() as pid:
        started.start()
        started.wait_for_leftover()
        refused = started.ends_wait()
        assert isinstance(refused, ReportingFailed)
        assert [peer.pid for peer in refused.strangers] == [pid]
        assert "or tell KnowTrainer(pid=None) before the start" in refused.reason
    assert status(started.supervisor).received == 0


def test_a_host_that_does_not_say_who_the_trainer_is_may_have_one_that_is_not_seen(
    started, owner, monkeypatch
):
    monkeypatch.setattr(peer_watch, "find_peer", lambda ends: Peer())
    with started.leftover():
        started.start()
        started.wait_for_leftover()
        assert started.ends_wait().peers == (Peer(),)
        assert owner.wait_for(TrainerConnected).pid is None
        started.channel.wait_for_count(10)


@pytest.mark.parametrize("on_port_conflict", PortConflict)
def test_a_trainer_that_may_be_anybody_is_reported_at_once(started, owner, on_port_conflict):
    with started.leftover() as pid:
        started.start(None, on_port_conflict=on_port_conflict)
        started.wait_for_leftover()
        started.channel.wait_for_count(10)  # it need not wait for the end of the connect wait
        ready = started.ends_wait()
        assert isinstance(ready, ReportingReady)
        assert (ready.control_address, ready.progress_address) == (
            started.control,
            started.progress,
        )
        assert [peer.pid for peer in ready.peers] == [pid]
        assert owner.get() == TrainerConnected()
        with trainer_for(ready):
            status(started.supervisor)
        assert owner.drain() == []


def test_nobody_is_there(started):
    started.start(OURS)
    assert started.ends_wait().peers == ()


def test_a_stranger_that_comes_later_is_one_warning_and_no_news_of_the_trainer(
    new_supervisor, owner, caplog
):
    supervisor = new_supervisor()
    ready = start(supervisor)
    answers: Probe[Any] = Probe()
    with trainer_for(ready) as trainer:
        assert owner.wait_for(TrainerConnected).pid == OURS
        supervisor.tell(KnowTrainer(pid=OURS))
        addresses = ready.control_address, ready.progress_address
        with orphan(*trainer_at(*addresses, "send-every:0.01")) as pid:
            event = owner.get()
            assert isinstance(event, StrangerConnected)
            assert event.peer.pid == pid
            assert event.address in addresses

            def is_named() -> bool:
                supervisor.tell(SendControl(command="STOP", reply_to=answers))
                reply = answers.get()
                assert isinstance(reply, ControlHeld | ControlPublished)
                return [peer.pid for peer in reply.others] == [pid]

            assert settled(is_named)
            assert trainer.command() == "STOP"
        assert status(supervisor).trainer_connected
    stop(supervisor)
    assert [type(e) for e in owner.drain() if isinstance(e, StrangerConnected)] == []
    (line,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert line.startswith(f"process {pid}, python")
    assert "it is not the trainer" in line


def test_what_is_known_of_a_trainer_holds_for_its_job(new_supervisor, owner):
    supervisor = new_supervisor()
    ready = start(supervisor)
    addresses = ready.control_address, ready.progress_address
    with orphan(*trainer_at(*addresses, "send:1", "hear:/dev/null")) as pid:
        supervisor.tell(KnowTrainer(pid=pid))
        assert owner.wait_for(TrainerConnected).pid == pid
        with trainer_for(ready):
            assert settled(lambda: status(supervisor).received > 0)
            assert not [e for e in owner.drain() if isinstance(e, StrangerConnected)]
            switch(supervisor)
            assert owner.wait_for(StrangerConnected).peer.pid == pid
    stop(supervisor, "job-2")


@needs_root
def test_another_users_leftover_is_a_stranger(started):
    with started.leftover(NOBODY) as pid:
        started.start(OURS)
        started.wait_for_leftover()
        refused = started.ends_wait()
        assert isinstance(refused, ReportingFailed)
        assert [(peer.pid, peer.user) for peer in refused.strangers] == [(pid, NOBODY)]
