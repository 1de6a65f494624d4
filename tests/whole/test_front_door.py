"""What a host tells the supervisor is data from outside: refused with a reason, never a crash."""

from types import SimpleNamespace

import pytest

from messages import (
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
from tests.support.reporting import attach_client, start, status, trainer_for
from tests.support.texts import forwarded, reports

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
    assert status(supervisor).clients == ()
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
