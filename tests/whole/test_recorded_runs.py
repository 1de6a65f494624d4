"""Two real runs of sleap-nn, replayed message for message."""

import pytest

from messages import ReportingSummary
from tests.support.channel import FakeChannel
from tests.support.recorded_runs import RECORDINGS, recorded_run
from tests.support.reporting import attach_client, start, status, stop, trainer_for
from tests.support.texts import forwarded
from tests.support.trainer import paced


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_run_arrives_in_order_and_byte_for_byte(supervisor, loop_thread, name):
    run = recorded_run(name)
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        paced(run, trainer)
    stopped = stop(supervisor)

    assert [text.encode() for text in channel.sent] == [
        b"PROGRESS_REPORT::" + message.encode() for message in run
    ]
    assert stopped.summary == ReportingSummary(received=len(run), forwarded=len(run))
    assert channel.send_threads == {loop_thread.ident}


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_client_gets_the_whole_recorded_run(supervisor, name):
    run = recorded_run(name)
    channels = [FakeChannel() for _ in range(3)]
    for number, channel in enumerate(channels):
        attach_client(supervisor, channel, f"client-{number}")
    with trainer_for(start(supervisor)) as trainer:
        paced(run, trainer)
        for channel in channels:
            channel.wait_for_count(len(run))
        counted = status(supervisor)
    stopped = stop(supervisor)

    for channel in channels:
        assert channel.sent == forwarded(run)
    assert counted.received == len(run)
    assert [row.forwarded for row in counted.clients] == [len(run)] * 3
    assert stopped.summary == ReportingSummary(received=len(run), forwarded=3 * len(run))


def test_a_run_that_nobody_watches_is_counted(supervisor):
    run = recorded_run("sleap_nn_stopped_run")
    with trainer_for(start(supervisor)) as trainer:
        paced(run, trainer)
    assert stop(supervisor).summary == ReportingSummary(received=len(run))
