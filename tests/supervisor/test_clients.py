"""Clients, through the supervisor: clients that come, go, come back and crash."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pykka
import pytest

from actors import SupervisorRef
from messages import (
    AttachClient,
    ClientGone,
    DetachClient,
    GetStatus,
    JobOutcome,
    Phase,
    ReportingDegraded,
    StopReporting,
    TrainerConnected,
)
from tests.support.channel import FakeChannel
from tests.support.event_loop import LoopThread, stuck
from tests.support.logs import errors
from tests.support.mailboxes import Gate
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, stop, trainer_for
from tests.support.texts import forwarded, reports
from tests.support.waiting import settled


def crash_client() -> None:
    (ref,) = pykka.ActorRegistry.get_by_class_name("ClientChannelActor")
    ref.tell(object())


def test_attaching_while_the_former_actor_is_closing_goes_on_from_its_place(
    supervisor: SupervisorRef, loop_thread: LoopThread
) -> None:
    former, successor = FakeChannel(), FakeChannel()
    attach_client(supervisor, former)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(3))
        former.wait_for_count(3)
        with stuck(loop_thread):  # the former actor cannot have closed
            supervisor.tell(DetachClient(client_id="alice"))
            supervisor.tell(AttachClient(client_id="alice", channel=successor))
        status(supervisor)  # until then a report may come to the client's former channel
        trainer.send(*reports(3, first=3))
        assert successor.wait_for_count(3) == forwarded(reports(3, first=3))
    summary = stop(supervisor).summary
    assert (summary.received, summary.forwarded, summary.failed) == (6, 6, 0)
    assert former.sent == forwarded(reports(3))


def test_of_several_attached_while_the_former_is_closing_the_last_one_counts(
    supervisor: SupervisorRef, loop_thread: LoopThread
) -> None:
    channels = [FakeChannel() for _ in range(4)]
    attach_client(supervisor, channels[0])
    with trainer_for(start(supervisor)) as trainer:
        with stuck(loop_thread):
            supervisor.tell(DetachClient(client_id="alice"))
            for channel in channels[1:]:
                supervisor.tell(AttachClient(client_id="alice", channel=channel))
        assert settled(lambda: channels[-1].is_attached)  # no longer the first: it takes no report
        trainer.send(*reports(3))
        assert channels[-1].wait_for_count(3) == forwarded(reports(3))
    assert [len(channel.sent) for channel in channels] == [0, 0, 0, 3]


def test_a_detach_while_the_former_is_closing_takes_the_next_one_back(
    supervisor: SupervisorRef, loop_thread: LoopThread
) -> None:
    channel = FakeChannel()
    attach_client(supervisor, FakeChannel())
    with stuck(loop_thread):
        supervisor.tell(DetachClient(client_id="alice"))
        supervisor.tell(AttachClient(client_id="alice", channel=channel))
        supervisor.tell(DetachClient(client_id="alice"))
    while pykka.ActorRegistry.get_by_class_name("ClientChannelActor"):
        status(supervisor)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(3))
    assert stop(supervisor).summary.received == 3
    assert channel.sent == []


def test_detaching_somebody_who_is_not_attached_does_nothing(supervisor: SupervisorRef) -> None:
    supervisor.tell(DetachClient(client_id="nobody"))
    assert status(supervisor).clients == ()


def test_a_client_whose_actor_crashes_goes_on_from_its_place(
    supervisor: SupervisorRef, owner: Probe[Any], loop_thread: LoopThread
) -> None:
    channel = FakeChannel()
    attach_client(supervisor, channel, accept_control=False)
    with trainer_for(start(supervisor)) as trainer:
        owner.wait_for(TrainerConnected)
        trainer.send(*reports(3))
        channel.wait_for_count(3)
        crash_client()
        assert "alice" in owner.wait_for(ReportingDegraded).reason
        trainer.send(*reports(3, first=3))
        assert channel.wait_for_count(6) == forwarded(reports(6))
        loop_thread.call(channel.receive, "ZMQ_CTRL::STOP")
        assert owner.get().text == "ZMQ_CTRL::STOP"  # still a viewer, and told once
        assert status(supervisor).phase is Phase.REPORTING
        assert owner.drain() == []
    summary = stop(supervisor).summary
    assert (summary.received, summary.forwarded, summary.failed) == (6, 6, 0)


def test_a_channel_attached_before_a_crash_is_discovered_is_the_one_that_goes_on(
    supervisor: SupervisorRef, owner: Probe[Any], loop_thread: LoopThread
) -> None:
    former, successor = FakeChannel(), FakeChannel()
    attach_client(supervisor, former)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(3))
        former.wait_for_count(3)
        with stuck(loop_thread):
            crash_client()
            supervisor.tell(AttachClient(client_id="alice", channel=successor))
        owner.wait_for(ReportingDegraded)
        trainer.send(*reports(3, first=3))
        assert successor.wait_for_count(3) == forwarded(reports(3, first=3))
    assert stop(supervisor).summary.forwarded == 6


def test_a_client_whose_actor_crashes_again_and_again_is_given_up_and_reporting_goes_on(
    supervisor: SupervisorRef, owner: Probe[Any]
) -> None:
    alice = FakeChannel()
    attach_client(supervisor, alice)
    with trainer_for(start(supervisor)) as trainer:
        for _ in range(3):
            crash_client()
            owner.wait_for(ReportingDegraded)
        crash_client()
        assert owner.wait_for(ClientGone).client_id == "alice"
        now = status(supervisor)
        assert (now.phase, now.clients) == (Phase.REPORTING, ())
        assert not any(isinstance(event, ReportingDegraded) for event in owner.drain())
        bob = FakeChannel()
        attach_client(supervisor, bob, "bob")
        trainer.send(*reports(3))
        assert bob.wait_for_count(3) == forwarded(reports(3))


class HostileChannel(FakeChannel):
    """Raises whenever it is asked for ``readyState``, or listened to."""

    def __init__(self, *, raises_in: str) -> None:
        super().__init__()
        self._raises_in = raises_in

    def on(self, event: str, f: Any, /) -> object:
        if self._raises_in == "on":
            raise RuntimeError("broken channel")
        return super().on(event, f)

    @property
    def bufferedAmount(self) -> int:
        if self._raises_in == "bufferedAmount":
            raise RuntimeError("broken channel")
        return 0

    @bufferedAmount.setter
    def bufferedAmount(self, value: int) -> None:
        pass


@pytest.mark.parametrize("raises_in", ["on", "bufferedAmount"])
def test_a_channel_that_is_broken_does_not_disturb_the_others(
    supervisor: SupervisorRef, owner: Probe[Any], raises_in: str
) -> None:
    good = FakeChannel()
    attach_client(supervisor, good, "good")
    with trainer_for(start(supervisor)) as trainer:
        supervisor.tell(
            AttachClient(client_id="broken", channel=HostileChannel(raises_in=raises_in))
        )
        assert owner.wait_for(ClientGone).client_id == "broken"
        trainer.send(*reports(3))
        assert good.wait_for_count(3) == forwarded(reports(3))
        now = status(supervisor)
        assert now.phase is Phase.REPORTING
        assert [client.client_id for client in now.clients] == ["good"]


@contextmanager
def answers_wait(supervisor: SupervisorRef, *, until: Callable[[], object]) -> Iterator[None]:
    """The supervisor is held up, and the answers wait that ``until`` has come."""
    gate = Gate()
    supervisor.tell(StopReporting(job_id="?", outcome=JobOutcome.FAILED, reply_to=gate))
    gate.wait()
    (ref,) = pykka.ActorRegistry.get_by_class_name("SupervisorActor")
    inbox: Any = ref.actor_inbox
    until()
    assert settled(lambda: inbox.qsize() > 0)
    yield
    gate.open()


def test_one_that_is_attached_behind_the_last_answer_to_a_flush_is_not_waited_for(
    supervisor: SupervisorRef, loop_thread: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    channel, stopped = FakeChannel(buffering=True), Probe[Any]()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("one")
        channel.wait_for_count(1)
    channel.bufferedAmountLowThreshold = -1
    supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=stopped))
    assert settled(lambda: channel.bufferedAmountLowThreshold == 0)  # the flush waits for it
    with answers_wait(supervisor, until=lambda: loop_thread.call(channel.drain)):
        supervisor.tell(AttachClient(client_id="bob", channel=FakeChannel()))
    assert stopped.get().summary.forwarded == 1
    assert errors(caplog) == []


def test_one_that_is_attached_behind_the_last_answer_for_a_status_is_not_missing_in_it(
    supervisor: SupervisorRef, loop_thread: LoopThread
) -> None:
    answers: Probe[Any] = Probe()
    attach_client(supervisor, FakeChannel())
    with ExitStack() as held_up, stuck(loop_thread) as free:
        supervisor.tell(GetStatus(reply_to=answers))
        held_up.enter_context(answers_wait(supervisor, until=free.set))
        loop_thread.call(lambda: None)  # the second of the two answers has come too
        supervisor.tell(AttachClient(client_id="bob", channel=FakeChannel()))
    status = answers.get()
    assert [client.client_id for client in status.clients] == ["alice"]
    assert status.is_complete


def test_many_clients_come_and_go_and_each_gets_everything_once(
    supervisor: SupervisorRef, loop_thread: LoopThread
) -> None:
    with trainer_for(start(supervisor)) as trainer:
        got: dict[str, list[str]] = {f"client {number}": [] for number in range(8)}
        for round_ in range(5):
            channels = {client_id: FakeChannel() for client_id in got}
            for client_id, channel in channels.items():
                supervisor.tell(AttachClient(client_id=client_id, channel=channel))
            status(supervisor)  # until then a report may come to a client's former channel
            trainer.send(*reports(10, first=10 * round_))
            for client_id, channel in channels.items():
                got[client_id] += channel.wait_for_count(10)
                if round_ % 2:
                    supervisor.tell(DetachClient(client_id=client_id))
    assert all(texts == forwarded(reports(50)) for texts in got.values())
