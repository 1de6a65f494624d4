"""A client's channel that is not open, or that refuses what it is given."""

import asyncio
import time

import pytest

from actors import attach
from actors.runtime import LINES, LINES_RATE
from messages import ClientGone, ReportingSummary
from tests.support.channel import FakeChannel
from tests.support.logs import errors
from tests.support.reporting import attach_client, start, status, stop, trainer_for
from tests.support.texts import forwarded, reports


@pytest.fixture
def witness(supervisor):
    """Another client, whose channel is well: what it was sent, everybody was offered."""
    channel = FakeChannel()
    attach_client(supervisor, channel, "witness")
    return channel


@pytest.mark.parametrize("state", ["connecting", "closing", "closed"])
def test_a_channel_that_is_not_open_is_an_error_with_its_state_and_sent_nothing(
    supervisor, witness, caplog, state
):
    channel = FakeChannel(state)
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("first", "second")
        witness.wait_for_count(2)
    stopped = stop(supervisor)

    assert channel.sent == []
    assert stopped.summary.received == 2
    assert stopped.summary.forwarded == 2  # the witness's
    [error] = errors(caplog)
    assert "alice" in error
    assert state in error


@pytest.mark.parametrize("state", ["connecting", "closing"])
def test_reports_that_an_attached_client_could_not_be_given_count_as_failed(supervisor, state):
    attach_client(supervisor, FakeChannel(state))
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("first", "second")
    assert stop(supervisor).summary == ReportingSummary(received=2, failed=2)


def test_a_channel_that_opens_late_gets_everything(supervisor, loop_thread, witness):
    channel = FakeChannel("connecting")
    attach_client(supervisor, channel)
    run = reports(100)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*run[:60])
        witness.wait_for_count(60)
        assert channel.sent == []
        loop_thread.call(channel.open)
        trainer.send(*run[60:])
        channel.wait_for_count(100)
    stop(supervisor)
    assert channel.sent == forwarded(run)


def test_a_channel_that_opens_without_announcing_it_gets_everything(supervisor, witness):
    channel = FakeChannel("connecting")
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("first")
        witness.wait_for_count(1)
        channel.readyState = "open"
        trainer.send("second")
        assert channel.wait_for_count(2) == forwarded(["first", "second"])
    stop(supervisor)


def test_a_channel_that_opens_after_the_job_gets_the_run_and_the_next_job_counts_its_own(
    supervisor, loop_thread
):
    channel = FakeChannel("connecting")
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("first", "second")
    assert stop(supervisor).summary == ReportingSummary(received=2, failed=2)

    with trainer_for(start(supervisor, "job-2")) as trainer:
        loop_thread.call(channel.open)
        trainer.send("third")
        assert channel.wait_for_count(3) == forwarded(["first", "second", "third"])
    assert stop(supervisor, "job-2").summary == ReportingSummary(received=1, forwarded=1)


def test_a_send_that_raises_is_an_error_and_the_next_report_is_forwarded(supervisor, caplog):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    run = reports(20)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*run[:10])
        channel.wait_for_count(10)
        channel.raises = ConnectionError()
        trainer.send(*run[10:])
        channel.wait_for_count(19)
    stopped = stop(supervisor)
    assert channel.sent == forwarded(run[:10] + run[11:])
    assert stopped.summary == ReportingSummary(received=20, forwarded=19, failed=1)
    [error] = errors(caplog)
    assert "progress report 11 " in error
    assert "ConnectionError" in error


def test_a_channel_that_closes_in_mid_run_is_told_once_and_the_others_go_on(
    supervisor, loop_thread, owner, witness, caplog
):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    run = reports(40)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*run[:20])
        channel.wait_for_count(20)
        loop_thread.call(channel.close)
        gone = owner.wait_for(ClientGone)
        trainer.send(*run[20:])
        witness.wait_for_count(40)
        channel_rows = [row.client_id for row in status(supervisor).clients]
    stop(supervisor)

    assert gone.client_id == "alice"
    assert channel.sent == forwarded(run[:20])
    assert witness.sent == forwarded(run)
    assert channel_rows == ["witness"]
    assert not [message for message in owner.drain() if isinstance(message, ClientGone)]
    [error] = errors(caplog)
    assert "alice" in error
    assert "closed" in error


def test_a_channel_that_was_closed_when_attached_is_gone_at_once(supervisor, owner):
    attach_client(supervisor, FakeChannel("closed"))
    assert owner.wait_for(ClientGone).client_id == "alice"


class SendsLater:
    """Its ``send`` is awaited by whoever knows that."""

    def __init__(self):
        self.sent = []

    async def send(self, text):
        self.sent.append(text)


class SendsLaterBehindAMethod(SendsLater):
    def send(self, text):
        return super().send(text)


class WholeThatSendsLater(FakeChannel):
    async def send(self, text):
        self.sent.append(text)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [SendsLater, SendsLaterBehindAMethod, WholeThatSendsLater])
def test_a_channel_whose_send_is_to_be_awaited_is_gone_and_has_got_nothing(
    supervisor, loop_thread, owner, witness, kind
):
    channel = kind()
    loop_thread.call(lambda: attach(supervisor, client_id="alice", channel=channel))
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(3))
        witness.wait_for_count(3)
        gone = owner.wait_for(ClientGone)
    assert gone.client_id == "alice"
    assert "its send(str) is to be awaited" in gone.reason
    assert channel.sent == []
    assert stop(supervisor).summary.forwarded == 3  # the witness'


def test_a_send_that_starts_a_task_sends(supervisor):
    class StartsTasks(FakeChannel):
        def send(self, text):
            return asyncio.ensure_future(self.later(text))

        async def later(self, text):
            super().send(text)

    channel = StartsTasks()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(3))
        assert channel.wait_for_count(3) == forwarded(reports(3))
    assert stop(supervisor).summary == ReportingSummary(received=3, forwarded=3)


def test_of_a_channel_that_takes_nothing_few_lines_are_logged_and_all_are_counted(
    supervisor, witness, caplog
):
    class TakesNothing(FakeChannel):
        def send(self, text):
            raise ConnectionError

    began = time.monotonic()
    attach_client(supervisor, TakesNothing())
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(500))
        witness.wait_for_count(500)
    assert stop(supervisor).summary == ReportingSummary(received=500, forwarded=500, failed=500)
    singly = [text for text in errors(caplog) if "ConnectionError" in text]
    numbers = [int(text.split()[0]) for text in errors(caplog) if "more texts" in text]
    assert len(singly) <= LINES + 1 + LINES_RATE * (time.monotonic() - began)
    assert len(singly) + sum(numbers) == 500
