"""What a host tells the supervisor is data from outside: refused with a reason, never a crash."""

import asyncio
import enum
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from messages import (
    AddedToLog,
    AddToLog,
    AttachClient,
    ClientGone,
    ControlRejected,
    DetachClient,
    GetStatus,
    JobOutcome,
    LogEntry,
    Phase,
    PublishControl,
    ReportingBypassed,
    ReportingFailed,
    ReportingStopped,
    SendControl,
    StartReporting,
    StopReporting,
    SwitchJob,
)
from tests.support.channel import FakeChannel
from tests.support.logs import errors
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, stop, trainer_for
from tests.support.texts import forwarded, reports
from tests.support.waiting import PATIENCE, settled

ALIENS = ["oops", {"command": "stop"}, None, 7, object(), PublishControl(command="STOP")]


@pytest.mark.parametrize("alien", ALIENS, ids=lambda alien: type(alien).__name__)
def test_what_is_no_request_is_logged_with_its_type_and_passed_over(supervisor, alien, caplog):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        supervisor.tell(alien)
        assert status(supervisor).phase is Phase.REPORTING
        trainer.send(*reports(3))
        assert channel.wait_for_count(3) == forwarded(reports(3))
    (line,) = errors(caplog)
    assert type(alien).__name__ in line


def test_what_does_not_tell_its_class_is_passed_over(supervisor, caplog):
    class LazyProxy:
        def __getattribute__(self, name):
            raise RuntimeError("working outside of a request")

    supervisor.tell(LazyProxy())
    assert status(supervisor).phase is Phase.IDLE
    (line,) = errors(caplog)
    assert "LazyProxy" in line
    assert "working outside of a request" in line


REFUSED = [
    ({"job_id": 5, "gui": True}, StartReporting, "job_id is 5; expected: a str"),
    ({"job_id": "a", "gui": "yes"}, StartReporting, "gui is 'yes'; expected: True or False"),
    ({"job_id": "a", "outcome": "lost"}, StopReporting, "expected: one of ['completed', 'failed'"),
    ({"job_id": "a", "outcome": JobOutcome.FAILED, "next_job_id": None}, SwitchJob, "next_job_id"),
    ({"command": b"STOP"}, SendControl, "command is b'STOP'; expected: a str"),
    ({"entries": ("text",)}, AddToLog, "a LogEntry"),
    ({"entries": (LogEntry(text="\ud800"),)}, AddToLog, "encode"),
    ({"entries": (LogEntry(text="a", time=float("nan")),)}, AddToLog, "a number, 0 or more"),
]


@pytest.mark.parametrize(("fields", "kind", "reason"), REFUSED)
def test_a_value_of_a_wrong_type_is_refused_by_name(supervisor, fields, kind, reason, caplog):
    answers = Probe()
    supervisor.tell(kind(**fields, reply_to=answers))
    assert f"{kind.__name__}." in (refusal := answers.get().reason)
    assert reason in refusal
    assert refusal in caplog.text
    assert status(supervisor).phase is Phase.IDLE


@pytest.mark.parametrize("reply_to", [None, "nobody", SimpleNamespace(tell=3)])
@pytest.mark.parametrize(
    "make",
    [
        lambda reply_to: StartReporting(job_id="a", gui=True, reply_to=reply_to),
        lambda reply_to: SendControl(command="STOP", reply_to=reply_to),
        lambda reply_to: GetStatus(reply_to=reply_to),
    ],
    ids=["start", "control", "status"],
)
def test_a_request_that_cannot_be_answered_is_refused_in_the_log(
    supervisor, make, reply_to, caplog
):
    supervisor.tell(make(reply_to))
    assert status(supervisor).phase is Phase.IDLE
    (line,) = errors(caplog)
    assert "reply_to" in line
    assert "a mailbox" in line


def test_of_an_outcome_its_value_is_taken_too(supervisor):
    answers = Probe()
    start(supervisor)
    supervisor.tell(StopReporting(job_id="job-1", outcome="cancelled", reply_to=answers))
    stopped = answers.get()
    assert isinstance(stopped, ReportingStopped)
    assert stopped.outcome is JobOutcome.CANCELLED


class Hostile:
    """Raises whatever it is asked for."""

    def __getattr__(self, name):
        raise OSError("broken")


@pytest.mark.parametrize(
    "channel", [object(), None, "channel", Hostile()], ids=["object", "none", "text", "hostile"]
)
def test_a_channel_that_is_none_is_one_client_gone_with_the_reason(
    supervisor, owner, channel, caplog
):
    supervisor.tell(AttachClient(client_id="alice", channel=channel))
    assert settled(lambda: status(supervisor).clients == ())
    (gone,) = owner.drain()
    assert isinstance(gone, ClientGone)
    assert gone.client_id == "alice"
    assert "channel" in gone.reason
    assert [r.exc_info for r in caplog.records] == [None]  # one line, no traceback


def test_an_object_with_send_alone_is_a_channel(supervisor):
    sent = FakeChannel()
    supervisor.tell(AttachClient(client_id="alice", channel=SimpleNamespace(send=sent.send)))
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(3))
        assert sent.wait_for_count(3) == forwarded(reports(3))


def test_a_channel_that_opens_in_its_own_time_need_not_announce_it(supervisor):
    sent = FakeChannel()
    channel = SimpleNamespace(send=sent.send, readyState="connecting")
    supervisor.tell(AttachClient(client_id="alice", channel=channel))
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(3))
        channel.readyState = "open"
        assert sent.wait_for_count(3) == forwarded(reports(3))


def test_commands_and_detaches_without_a_job_are_answered(supervisor):
    answers = Probe()
    supervisor.tell(SendControl(command="STOP", reply_to=answers))
    assert isinstance(answers.get(), ControlRejected)
    supervisor.tell(DetachClient(client_id="nobody", reply_to=answers))
    assert answers.get().client_id == "nobody"
    supervisor.tell(
        SwitchJob(job_id="a", outcome=JobOutcome.FAILED, next_job_id="b", reply_to=answers)
    )
    assert isinstance(answers.get(), ReportingFailed)


class Unspeakable:
    """Raises when it is looked at."""

    def __repr__(self):
        raise RuntimeError("broken")

    __str__ = __repr__

    @property
    def tell(self):
        raise ZeroDivisionError


# As of a host without types.
UNSPEAKABLE: Any = Unspeakable()
PROBE: Any = Probe
COMPLETED: Any = "completed"


@pytest.mark.parametrize(
    "make",
    [
        lambda answers: StartReporting(job_id=UNSPEAKABLE, gui=True, reply_to=answers),
        lambda answers: StartReporting(job_id="a", gui=True, reply_to=UNSPEAKABLE),
        lambda answers: GetStatus(reply_to=UNSPEAKABLE),
        lambda answers: AttachClient(channel=UNSPEAKABLE, client_id="alice"),
        lambda answers: AttachClient(channel=FakeChannel(), client_id=UNSPEAKABLE),
        lambda answers: StartReporting.__new__(StartReporting),
        lambda answers: AttachClient.__new__(AttachClient),
        lambda answers: GetStatus.__new__(GetStatus),
        lambda answers: UNSPEAKABLE,
        lambda answers: GetStatus(reply_to=PROBE),
        lambda answers: SwitchJob(
            job_id="job-1",
            outcome=COMPLETED,
            next_job_id="b",
            reply_to=answers,
            drain_timeout=10**400,
        ),
    ],
)
def test_whatever_a_host_tells_the_job_goes_on(supervisor, make):
    channel, answers = FakeChannel(), Probe()
    attach_client(supervisor, channel, "other")
    with trainer_for(start(supervisor)) as trainer:
        supervisor.tell(make(answers))
        assert status(supervisor).phase is Phase.REPORTING
        trainer.send(*reports(3))
        assert channel.wait_for_count(3) == forwarded(reports(3))
    assert stop(supervisor).summary.received == 3


def test_a_host_may_wait_for_centuries(supervisor):
    answers = Probe()
    with trainer_for(start(supervisor)):
        supervisor.tell(
            SwitchJob(
                job_id="job-1",
                outcome=JobOutcome.COMPLETED,
                next_job_id="job-2",
                reply_to=answers,
                drain_timeout=1e10,
            )
        )
        assert isinstance(answers.get(), ReportingStopped)
    stop(supervisor, "job-2")


class Name(enum.StrEnum):
    """Text of a host's kind."""

    JOB = "job-1"
    STOP = "STOP"
    CLIENT = "alice"


@pytest.mark.parametrize(
    "late",
    [
        DetachClient(client_id="alice"),
        AddToLog(entries=(LogEntry(text="late", note=True),)),
        SendControl(command="STOP", reply_to=Probe()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_comes_when_the_reporter_has_ended_is_no_warning(supervisor, late, caplog):
    caplog.set_level(logging.DEBUG, "actors")
    assert supervisor.stop(timeout=PATIENCE)
    supervisor.tell(late)
    (line,) = [record for record in caplog.records if "came too late" in record.getMessage()]
    assert line.levelno == logging.INFO


def test_text_of_a_hosts_own_kind_is_text(supervisor):
    channel, answers = FakeChannel(), Probe()
    supervisor.tell(AttachClient(channel=channel, client_id=Name.CLIENT))
    with trainer_for(start(supervisor, Name.JOB)) as trainer:
        supervisor.tell(SendControl(command=Name.STOP, reply_to=answers))
        assert trainer.command() == "STOP"
        supervisor.tell(AddToLog(entries=[LogEntry(text=Name.CLIENT)], reply_to=answers))
        assert answers.wait_for(AddedToLog).reason is None
        assert channel.wait_for_count(1) == forwarded(["alice"])
    assert stop(supervisor).job_id == "job-1"


class SubclassOfStart(StartReporting):
    """A host's own kind of request."""


def test_a_hosts_own_kind_of_a_request_is_one(supervisor):
    answers = Probe()
    supervisor.tell(SubclassOfStart(job_id="job-1", gui=False, reply_to=answers))
    assert isinstance(answers.get(), ReportingBypassed)


class OfItsLoop(FakeChannel):
    """Refuses to be used on another thread than its event loop's."""

    def __getattribute__(self, name):
        if name in ("send", "on", "readyState", "bufferedAmount"):
            asyncio.get_running_loop()
        return super().__getattribute__(name)


def test_a_channel_is_looked_at_on_its_event_loop_alone(supervisor, loop_thread):
    async def make():
        return OfItsLoop()

    channel = loop_thread.run(make())
    supervisor.tell(AttachClient(client_id="alice", channel=channel))
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(3))
        assert channel.wait_for_count(3) == forwarded(reports(3))


class Flickering(FakeChannel):
    """Raises when it is asked for its state, so many times."""

    times = 0

    @property
    def readyState(self):
        if self.times:
            self.times -= 1
            raise OSError("for a moment")
        return "open"

    @readyState.setter
    def readyState(self, value):
        pass


def test_a_channel_that_cannot_tell_its_state_for_a_moment_is_given_nothing_twice(
    supervisor, loop_thread
):
    channel = Flickering()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(5))
        channel.wait_for_count(5)
        loop_thread.call(setattr, channel, "times", 2)
        trainer.send(*reports(5, first=5))
        assert channel.wait_for_count(10) == forwarded(reports(10))


@pytest.mark.parametrize("raises", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_mailbox_that_raises_whatever_ends_no_job(supervisor, raises):
    class Raising:
        def tell(self, _):
            raise raises

    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        supervisor.tell(GetStatus(reply_to=Raising()))
        trainer.send(*reports(3))
        assert channel.wait_for_count(3) == forwarded(reports(3))
    assert stop(supervisor).summary.forwarded == 3


@pytest.mark.parametrize("timeout", [float("inf"), float("nan"), -1, None, "5", True, 1e10])
def test_a_time_to_stop_that_is_none_is_refused_by_name(supervisor, timeout):
    for stop_it in (supervisor.stop, supervisor.request_stop):
        with pytest.raises((TypeError, ValueError), match="timeout must be 0 seconds or more"):
            stop_it(timeout=timeout)
    assert status(supervisor).phase is Phase.IDLE
