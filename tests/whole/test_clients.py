"""Clients that come late, come back, leave, and talk."""

import pytest

from messages import (
    AttachClient,
    ClientGone,
    ClientMessageReceived,
    DetachClient,
    ReportingSummary,
)
from tests.support.channel import FakeChannel
from tests.support.reporting import attach_client, start, status, stop, trainer_for
from tests.support.texts import forwarded, reports
from tests.support.waiting import settled


def gone_clients(owner):
    return [m.client_id for m in owner.drain() if isinstance(m, ClientGone)]


def test_a_late_client_gets_the_run_from_its_first_message_and_then_live(supervisor):
    run = reports(300)
    early, late = FakeChannel(), FakeChannel()
    attach_client(supervisor, early, "early")
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*run[:200])
        early.wait_for_count(200)
        attach_client(supervisor, late, "late")
        trainer.send(*run[200:])
        late.wait_for_count(300)
    stop(supervisor)
    assert late.sent == forwarded(run)


def test_a_client_that_comes_in_the_second_job_gets_that_job_alone(supervisor):
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(10))
    stop(supervisor)
    channel = FakeChannel()
    second = reports(10, first=10)
    with trainer_for(start(supervisor, "job-2")) as trainer:
        trainer.send(*second)
        attach_client(supervisor, channel)
        channel.wait_for_count(10)
    stop(supervisor, "job-2")
    assert channel.sent == forwarded(second)


def test_a_client_stays_attached_from_job_to_job(supervisor):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    run = reports(30)
    for job, first in enumerate((0, 10, 20)):
        with trainer_for(start(supervisor, f"job-{job}")) as trainer:
            trainer.send(*run[first : first + 10])
        assert stop(supervisor, f"job-{job}").summary.forwarded == 10
    assert channel.sent == forwarded(run)


def test_a_client_that_is_not_counted_is_in_no_summary(supervisor):
    shown, kept, slow = FakeChannel(), FakeChannel(), FakeChannel("connecting")
    attach_client(supervisor, shown)
    for client_id, channel in (("kept", kept), ("slow", slow)):
        supervisor.tell(AttachClient(channel=channel, client_id=client_id, is_counted=False))
    for job in ("job-1", "job-2"):
        with trainer_for(start(supervisor, job)) as trainer:
            trainer.send(*reports(10))
        assert stop(supervisor, job).summary == ReportingSummary(received=10, forwarded=10)
    assert kept.sent == forwarded(reports(10)) * 2


@pytest.mark.parametrize("missed", [0, 100], ids=["at once", "after it missed some"])
def test_a_client_that_comes_back_goes_on_without_gap_or_duplicate(
    supervisor, loop_thread, owner, missed
):
    run = reports(300)
    witness, before, after = FakeChannel(), FakeChannel(), FakeChannel()
    attach_client(supervisor, witness, "witness")
    attach_client(supervisor, before)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*run[:100])
        before.wait_for_count(100)
        loop_thread.call(before.close)
        assert owner.wait_for(ClientGone).client_id == "alice"
        trainer.send(*run[100 : 100 + missed])
        witness.wait_for_count(100 + missed)
        attach_client(supervisor, after)
        trainer.send(*run[100 + missed :])
        after.wait_for_count(200)
    stop(supervisor)
    assert before.sent == forwarded(run[:100])
    assert after.sent == forwarded(run[100:])


def test_a_client_that_comes_back_in_the_next_job_gets_what_it_missed_of_the_first(
    supervisor, loop_thread, owner
):
    run = reports(60)
    before, after = FakeChannel(), FakeChannel()
    attach_client(supervisor, before)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*run[:20])
        before.wait_for_count(20)
        loop_thread.call(before.close)
        owner.wait_for(ClientGone)
        trainer.send(*run[20:40])
    stop(supervisor)
    with trainer_for(start(supervisor, "job-2")) as trainer:
        trainer.send(*run[40:])
        attach_client(supervisor, after)
        after.wait_for_count(40)
    stop(supervisor, "job-2")
    assert after.sent == forwarded(run[20:])


def test_attaching_an_attached_client_replaces_its_channel(supervisor, loop_thread, owner):
    run = reports(200)
    former, current = FakeChannel(), FakeChannel()
    attach_client(supervisor, former)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*run[:100])
        former.wait_for_count(100)
        attach_client(supervisor, current)
        trainer.send(*run[100:150])
        current.wait_for_count(50)
        loop_thread.call(former.close)  # nobody's loss
        trainer.send(*run[150:])
        current.wait_for_count(100)
        [row] = status(supervisor).clients
    stopped = stop(supervisor)
    assert former.sent == forwarded(run[:100])
    assert current.sent == forwarded(run[100:])
    assert (row.client_id, row.position, row.forwarded) == ("alice", 200, 200)
    assert stopped.summary.forwarded == 200
    assert gone_clients(owner) == []


def test_replacing_a_full_channel_goes_on_after_what_it_took(supervisor, loop_thread):
    run = reports(2_000)
    former, current = FakeChannel(buffering=True), FakeChannel()
    attach_client(supervisor, former)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*run[:1_000])
        former.wait_for(lambda _: former.bufferedAmount > 4 * 1024)
        attach_client(supervisor, current)
        trainer.send(*run[1_000:])
        current.wait_for(lambda sent: bool(sent) and sent[-1] == forwarded(run)[-1])
    stop(supervisor)
    assert former.sent + current.sent == forwarded(run)
    assert len(former.sent) < 1_000


def test_a_detached_client_gets_nothing_more_and_its_channel_stays_open(supervisor, owner):
    witness, channel = FakeChannel(), FakeChannel()
    attach_client(supervisor, witness, "witness")
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("first")
        channel.wait_for_count(1)
        supervisor.tell(DetachClient(client_id="alice"))
        supervisor.tell(DetachClient(client_id="nobody"))
        status(supervisor)
        trainer.send("second")
        witness.wait_for_count(2)
        assert [row.client_id for row in status(supervisor).clients] == ["witness"]
    stop(supervisor)
    assert channel.sent == forwarded(["first"])
    assert channel.readyState == "open"
    assert gone_clients(owner) == []


def test_a_detached_client_that_comes_back_goes_on_where_it_left(supervisor):
    channel, again = FakeChannel(), FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("first")
        channel.wait_for_count(1)
        supervisor.tell(DetachClient(client_id="alice"))
        supervisor.tell(AttachClient(client_id="alice", channel=again))
        status(supervisor)
        trainer.send("second")
        again.wait_for_count(1)
    stop(supervisor)
    assert again.sent == forwarded(["second"])


@pytest.mark.parametrize("text", ["JOB_CANCEL", "hello", "", "zmq_ctrl::STOP", " ZMQ_CTRL::STOP"])
def test_other_text_of_a_client_is_told_to_the_owner(supervisor, loop_thread, owner, text):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    loop_thread.call(channel.receive, text)
    owner.expect(ClientMessageReceived(client_id="alice", text=text))


def test_bytes_of_a_client_are_nobodys_business(supervisor, loop_thread, owner):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    loop_thread.call(channel.receive, b"KEEP_ALIVE")
    loop_thread.call(channel.receive, "a text")
    owner.expect(ClientMessageReceived(client_id="alice", text="a text"))


@pytest.mark.parametrize("accept_again", [True, False])
def test_a_channel_that_is_attached_twice_publishes_each_command_once_or_as_told_last(
    supervisor, loop_thread, owner, accept_again
):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    attach_client(supervisor, channel, accept_control=accept_again)
    with trainer_for(start(supervisor)) as trainer:
        loop_thread.call(channel.receive, "ZMQ_CTRL::STOP")
        told = status(supervisor)
        assert told.clients[0].client_id == "alice"
        if accept_again:
            assert trainer.command() == "STOP"
        else:
            expected = ClientMessageReceived(client_id="alice", text="ZMQ_CTRL::STOP")
            assert owner.wait_for(ClientMessageReceived) == expected
        assert not trainer.has_command()


def test_a_channel_that_was_replaced_publishes_nothing_any_more(supervisor, loop_thread):
    former, channel = FakeChannel(), FakeChannel()
    attach_client(supervisor, former)
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        loop_thread.call(former.receive, "ZMQ_CTRL::former")
        loop_thread.call(channel.receive, "ZMQ_CTRL::STOP")
        assert trainer.command() == "STOP"
        assert not trainer.has_command()


def test_what_waited_for_a_closed_channel_has_not_failed_when_the_client_comes_back(
    supervisor, loop_thread
):
    former, channel = FakeChannel(), FakeChannel()
    attach_client(supervisor, former)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(10))
        former.wait_for_count(10)
        loop_thread.call(former.close)
        trainer.send(*reports(10, first=10))
        assert settled(lambda: status(supervisor).clients == ())
        attach_client(supervisor, channel)
        channel.wait_for_count(10)
        (row,) = status(supervisor).clients
        assert (row.forwarded, row.failed, row.missed) == (20, 0, 0)
    summary = stop(supervisor).summary
    assert (summary.received, summary.forwarded, summary.failed) == (20, 20, 0)
