"""The summary's counts: each report that came over the socket, once for each client."""

import asyncio

import pytest

from messages import (
    AddedToLog,
    AddToLog,
    DetachClient,
    LogEntry,
    OutputWritten,
    ReportingSummary,
    encode_event,
)
from tests.support.channel import FakeChannel
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, stop, trainer_for
from tests.support.texts import forwarded, reports
from tests.support.waiting import settled

LARGE = '{"event": "epoch_end", "x": "%s"}' % ("x" * 20_000)
"""More than a channel holds: what comes behind it waits."""


def add(supervisor, *texts, note):
    added = Probe[AddedToLog]()
    entries = tuple(LogEntry(text=text, note=note) for text in texts)
    supervisor.tell(AddToLog(entries=entries, reply_to=added))
    assert added.get().reason is None


def lines(count):
    return [encode_event(OutputWritten(lines=(f"line {number}",))) for number in range(count)]


def test_what_is_added_counts_as_nothing(supervisor):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        add(supervisor, *reports(5), note=False)
        trainer.send("one")
        assert channel.wait_for_count(6) == forwarded([*reports(5), "one"])
    assert stop(supervisor).summary == ReportingSummary(received=1, forwarded=1)


def test_what_the_worker_has_to_say_is_not_missed_when_it_leaves_the_log(
    new_supervisor, loop_thread
):
    supervisor = new_supervisor(log_limit=10, drain_timeout=0.3)
    channel = FakeChannel(buffering=True)
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(LARGE)
        channel.wait_for_count(1)
        for line in lines(100):
            add(supervisor, line, note=True)
        loop_thread.call(channel.drain)
        assert settled(lambda: status(supervisor).clients[0].position == 101)
    assert stop(supervisor).summary == ReportingSummary(received=1, forwarded=1)


def test_what_the_worker_has_to_say_has_not_failed_when_a_client_is_not_given_it(new_supervisor):
    supervisor = new_supervisor(drain_timeout=0.3)
    channel = FakeChannel(buffering=True)
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(LARGE)
        channel.wait_for_count(1)
        add(supervisor, *lines(50), note=True)
    assert stop(supervisor).summary == ReportingSummary(received=1, forwarded=1)


def test_a_client_that_comes_back_in_the_next_job_is_given_the_rest_which_counts_in_neither(
    new_supervisor, loop_thread
):
    supervisor = new_supervisor(drain_timeout=0.3)
    slow, other = FakeChannel(buffering=True), FakeChannel()
    attach_client(supervisor, slow)
    attach_client(supervisor, other, "bob")
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(LARGE, *reports(10))
        other.wait_for_count(11)
        slow.wait_for_count(1)
        loop_thread.call(slow.close)
        assert settled(lambda: [c.client_id for c in status(supervisor).clients] == ["bob"])
        trainer.send("one more")
        other.wait_for_count(12)
    assert stop(supervisor).summary == ReportingSummary(received=12, forwarded=13, failed=10)
    supervisor.tell(DetachClient(client_id="bob"))
    again = FakeChannel()
    with trainer_for(start(supervisor, "job-2")) as trainer:
        attach_client(supervisor, again)
        trainer.send(*reports(5))
        again.wait_for_count(16)
    assert again.sent == forwarded([*reports(10), "one more", *reports(5)])
    assert stop(supervisor, "job-2").summary == ReportingSummary(received=5, forwarded=5)


def test_a_client_that_is_given_the_run_again_counts_it_once(supervisor):
    first, again = FakeChannel(), FakeChannel()
    attach_client(supervisor, first)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(20))
        first.wait_for_count(20)
        attach_client(supervisor, again, after=0)
        again.wait_for_count(20)
    assert stop(supervisor).summary == ReportingSummary(received=20, forwarded=20)


def test_a_client_that_passes_over_the_beginning_has_missed_nothing(supervisor):
    first, late = FakeChannel(), FakeChannel()
    attach_client(supervisor, first)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(20))
        first.wait_for_count(20)
        attach_client(supervisor, late, "late", after=15)
        late.wait_for_count(5)
    assert stop(supervisor).summary == ReportingSummary(received=20, forwarded=25)


@pytest.mark.parametrize("after", [10, 20])
def test_a_client_that_has_been_given_all_elsewhere_has_missed_nothing(supervisor, after):
    first, late = FakeChannel(), FakeChannel()
    attach_client(supervisor, first)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(20))
        first.wait_for_count(20)
        attach_client(supervisor, late, "late", after=after)
        late.wait_for_count(20 - after)
    assert stop(supervisor).summary == ReportingSummary(received=20, forwarded=40 - after)


@pytest.mark.parametrize("error", [asyncio.CancelledError("x"), GeneratorExit("x")])
def test_a_report_that_interrupts_its_forwarding_has_failed(supervisor, error):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(5))
        channel.wait_for_count(5)
        channel.raises = error
        trainer.send(*reports(5, first=5))
        channel.wait_for_count(9)
    assert stop(supervisor).summary == ReportingSummary(received=10, forwarded=9, failed=1)
