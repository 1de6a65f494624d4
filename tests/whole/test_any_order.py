"""The whole reporter through arbitrary sequences of what can happen to it, on real sockets.

After each step: nothing out of order, nothing twice, no epoch report missing. At the end of each
sequence: no thread, no socket and no actor left.
"""

import json
import threading
from collections import defaultdict
from typing import Any

import pykka
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Generation
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from actors import spawn_supervisor
from messages import (
    AttachClient,
    ControlRejected,
    DetachClient,
    JobOutcome,
    Phase,
    ReportingDegraded,
    ReportingReady,
    ReportingStopped,
    SendControl,
    StopReporting,
    TrainerConnected,
)
from tests.support.channel import FakeChannel
from tests.support.crashes import CLIENT, CONTROL, LISTENER, obeys, obeys_again
from tests.support.descriptors import open_sockets
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, tell_switch, trainer_for
from tests.support.settings import on_free_ports
from tests.support.waiting import PATIENCE, settled

LOG_LIMIT = 150
"""Small, so that a flood has reports thinned out."""

CLIENTS = ("alice", "bob", "carol")

CRASHES = 3
"""From one start to the next; one more within five seconds ends the report, which has its test."""


def report(event: str, number: int) -> str:
    return json.dumps({"what": "", "event": event, "number": number})


def number_of(text: str) -> int:
    return int(json.loads(text.removeprefix("PROGRESS_REPORT::"))["number"])


class AnyOrder(RuleBasedStateMachine):
    """One supervisor, its trainer, and clients that come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.threads, self.sockets = set(threading.enumerate()), open_sockets()
        self.loop_thread = LoopThread()
        self.owner: Probe[Any] = Probe()
        self.jobs = 0
        self.number = 0
        self.epochs: list[int] = []
        self.received = 0
        self.job_begins = 0
        self.crashes = 0
        self.trainer: Any = None
        self.channels: dict[str, list[FakeChannel]] = defaultdict(list)
        self.begins: dict[str, int] = {}
        self.attached: set[str] = set()

    @initialize()
    def spawn(self) -> None:
        self.supervisor = spawn_supervisor(
            loop=self.loop_thread.loop,
            owner=self.owner,
            settings=on_free_ports(log_limit=LOG_LIMIT, page_messages=4, channel_high_water=500),
        )

    # Jobs

    @precondition(lambda self: self.trainer is None)
    @rule()
    def start(self) -> None:
        self.jobs += 1
        self.begin_job()
        self.crashes = 0
        self.connect_trainer(start(self.supervisor, self.job))

    @precondition(lambda self: self.trainer is not None)
    @rule(outcome=st.sampled_from(JobOutcome), trainer_leaves_first=st.booleans())
    def stop(self, outcome: JobOutcome, trainer_leaves_first: bool) -> None:
        if trainer_leaves_first:
            self.trainer.close()
        answers: Probe[Any] = Probe()
        self.supervisor.tell(StopReporting(job_id=self.job, outcome=outcome, reply_to=answers))
        stopped = self.answer_while_channels_drain(answers)
        if not trainer_leaves_first:
            self.trainer.close()
        self.trainer = None
        assert isinstance(stopped, ReportingStopped)
        assert (stopped.job_id, stopped.outcome) == (self.job, outcome)
        assert stopped.summary.received == self.received
        assert stopped.summary.undecodable == 0

    @precondition(lambda self: self.trainer is not None)
    @rule()
    def switch_job(self) -> None:
        answers: Probe[Any] = Probe()
        self.trainer.close()
        former, self.jobs = self.job, self.jobs + 1
        tell_switch(self.supervisor, answers, former, self.job)
        stopped, ready = self.answer_while_channels_drain(answers), answers.get()
        assert isinstance(stopped, ReportingStopped)
        assert stopped.summary.received == self.received
        assert isinstance(ready, ReportingReady)
        self.begin_job()
        self.connect_trainer(ready)

    def connect_trainer(self, ready: ReportingReady) -> None:
        """Until the reporter knows of it: a crash before that takes it for the former one."""
        self.trainer = trainer_for(ready)
        self.owner.wait_for(TrainerConnected)

    def answer_while_channels_drain(self, answers: Probe[Any]) -> Any:
        """The first answer to a message at which the clients are given what is left."""
        found: list[Any] = []

        def answered() -> bool:
            for client_id in self.attached:
                self.loop_thread.call(self.channels[client_id][-1].drain)
            found.extend(answers.drain())
            return bool(found)

        assert settled(answered)
        for later in found[1:]:
            answers.tell(later)
        return found[0]

    @property
    def job(self) -> str:
        return f"job-{self.jobs}"

    def begin_job(self) -> None:
        self.received = 0
        self.job_begins = self.number

    # The trainer

    @precondition(lambda self: self.trainer is not None)
    @rule(batches=st.sampled_from([0, 1, 7, 40, 400]))
    def train_an_epoch(self, batches: int) -> None:
        for _ in range(batches):
            self.send("batch_end")
        self.epochs.append(self.number + 1)
        self.send("epoch_end")

    def send(self, event: str) -> None:
        self.number += 1
        self.received += 1
        self.trainer.send(report(event, self.number))

    def send_until_received(self) -> None:
        """What is sent before the trainer has connected again is lost, and nothing after that."""
        watcher = FakeChannel()
        attach_client(self.supervisor, watcher, "watcher")
        begins = self.number

        def heard() -> bool:
            self.send("batch_end")
            return bool(watcher.sent) and number_of(watcher.sent[-1]) > begins

        assert settled(heard)
        numbers = watcher.wait_for(lambda sent: number_of(sent[-1]) == self.number)
        self.received -= self.number - begins
        self.received += sum(number_of(text) > begins for text in numbers)
        self.supervisor.tell(DetachClient(client_id="watcher"))

    @precondition(lambda self: self.trainer is not None)
    @rule()
    def command(self) -> None:
        assert obeys(self.supervisor, self.trainer)

    @precondition(lambda self: self.trainer is None)
    @rule()
    def command_without_a_trainer(self) -> None:
        replies: Probe[Any] = Probe()
        self.supervisor.tell(SendControl(command="STOP", reply_to=replies))
        assert isinstance(replies.get(), ControlRejected)

    # The clients

    @rule(client_id=st.sampled_from(CLIENTS), buffering=st.booleans())
    def attach(self, client_id: str, buffering: bool) -> None:
        """For the first time, again, or in place of a channel that is there."""
        channel = FakeChannel(buffering=buffering)
        if client_id not in self.begins:
            self.begins[client_id] = self.number if self.trainer is None else self.job_begins
        self.channels[client_id].append(channel)
        self.attached.add(client_id)
        self.supervisor.tell(AttachClient(channel=channel, client_id=client_id))

    @precondition(lambda self: self.attached)
    @rule(data=st.data())
    def detach(self, data: Any) -> None:
        client_id = data.draw(st.sampled_from(sorted(self.attached)))
        self.attached.discard(client_id)
        self.supervisor.tell(DetachClient(client_id=client_id))

    @precondition(lambda self: self.attached)
    @rule(data=st.data())
    def close_a_channel(self, data: Any) -> None:
        client_id = data.draw(st.sampled_from(sorted(self.attached)))
        self.attached.discard(client_id)
        self.loop_thread.call(self.channels[client_id][-1].close)

    @rule()
    def drain_all(self) -> None:
        """What waits in the channels leaves, again and again until all have what there is."""
        for client_id in self.attached:
            self.drain(client_id)

    def drain(self, client_id: str) -> None:
        channel = self.channels[client_id][-1]
        last = next((n for n in reversed(self.epochs) if n > self.begins[client_id]), None)

        def has_all() -> bool:
            self.loop_thread.call(channel.drain)
            return last is None or last in self.numbers(client_id)

        assert settled(has_all), f"{client_id} has not got {last}: {self.numbers(client_id)[-5:]}"
        missing = {n for n in self.epochs if n > self.begins[client_id]} - set(
            self.numbers(client_id)
        )
        assert not missing, f"{client_id} has not got the epochs' reports {sorted(missing)}"

    # Crashes

    @precondition(lambda self: self.trainer is not None and self.crashes < CRASHES)
    @rule(actor=st.sampled_from([CONTROL, LISTENER, CLIENT]))
    def crash(self, actor: str) -> None:
        # What waits in a socket that crashes is lost: the trainer has to rest for this.
        assert settled(lambda: status(self.supervisor).received == self.received), (
            f"{status(self.supervisor).received} received of {self.received}"
        )
        refs = pykka.ActorRegistry.get_by_class_name(actor)
        if not refs:
            return
        self.crashes += 1
        refs[0].tell(object())
        self.owner.wait_for(ReportingDegraded)
        if actor == LISTENER:
            self.send_until_received()
        if actor == CONTROL:
            assert obeys_again(self.supervisor, self.trainer)
            self.owner.wait_for(TrainerConnected)
        assert status(self.supervisor).phase is Phase.REPORTING

    # What always holds

    @invariant()
    def nothing_is_out_of_order_or_twice(self) -> None:
        for client_id in self.channels:
            numbers = self.numbers(client_id)
            assert numbers == sorted(set(numbers)), f"{client_id} got {numbers}"

    @invariant()
    def no_epoch_is_missing_of_those_that_channels_have_room_for(self) -> None:
        for client_id in self.attached:
            if not self.channels[client_id][-1].buffering:
                self.drain(client_id)

    @invariant()
    def no_buffer_is_over_its_mark(self) -> None:
        for channels in self.channels.values():
            assert all(channel.highest_buffered <= 500 for channel in channels)

    def numbers(self, client_id: str) -> list[int]:
        return [number_of(text) for c in self.channels[client_id] for text in list(c.sent)]

    def teardown(self) -> None:
        if self.trainer is not None:
            self.trainer.close()
        if hasattr(self, "supervisor"):
            assert self.supervisor.stop(timeout=PATIENCE)
        assert not pykka.ActorRegistry.get_all()
        assert not self.loop_thread.tasks()
        self.loop_thread.close()
        assert not self.loop_thread.errors
        assert settled(lambda: set(threading.enumerate()) <= self.threads)
        assert settled(lambda: open_sockets() <= self.sockets)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    phases=[Generation.generate],
    suppress_health_check=list(HealthCheck),
)
