"""A client whose channel closes, opens again, or is replaced by another one, again and again."""

from contextlib import ExitStack

import pytest

from tests.support.channel import FakeChannel
from tests.support.page_client import TRANSPORTS, WEBRTC, WEBSOCKET, PageClient
from tests.support.reporting import attach_client, start, stop, trainer_for
from tests.support.running_worker import PAGE, RunningWorker
from tests.support.texts import forwarded, reports
from tests.support.trainer import paced
from tests.support.trainer_process import trainer

VERBOSE = (*PAGE, "--log-level", "info")


def test_channels_that_replace_each_other_have_the_run_once_between_them(supervisor):
    run, channels = reports(3_000), [FakeChannel() for _ in range(30)]
    with trainer_for(start(supervisor)) as trainer:
        for number, channel in enumerate(channels):
            attach_client(supervisor, channel)  # the former one is still open
            paced(run[number * 100 : (number + 1) * 100], trainer, per_pause=20)
    assert stop(supervisor).summary.forwarded == 3_000
    assert [text for channel in channels for text in channel.sent] == forwarded(run)


def test_a_channel_that_closes_and_is_followed_by_another_one_leaves_no_gap(
    supervisor, loop_thread
):
    run, sent = reports(1_000), []
    with trainer_for(start(supervisor)) as trainer:
        for first in range(0, 1_000, 100):
            channel = FakeChannel()
            attach_client(supervisor, channel)
            trainer.send(*run[first : first + 50])
            channel.wait_for_count(10)
            loop_thread.call(channel.close)
            trainer.send(*run[first + 50 : first + 100])  # into a closed channel
            sent += channel.sent
        last = FakeChannel()
        attach_client(supervisor, last)
    assert stop(supervisor).summary.received == 1_000
    assert sent + last.sent == forwarded(run)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_viewer_that_comes_again_and_again_has_the_run_once(transport):
    steps = trainer("send-every:0.001")
    with RunningWorker(*PAGE, "--", *steps) as worker:
        link, seen, position = worker.link(), [], 0
        while len(seen) < 1_500:
            with PageClient(link, "a-viewer", transport, after=position) as viewer:
                # Fewer would be more connections in a row than the worker takes.
                viewer.wait_for_reports(30 if transport == WEBSOCKET else 300)
            seen += viewer.reports  # also what came while it closed
            position = viewer.position
        assert seen == reports(len(seen))
        worker.interrupt_until_it_ends()
        assert worker.leaves_nothing()


def test_a_viewer_that_takes_its_own_place_has_the_run_once_between_its_channels(new_gate):
    gates = [new_gate() for _ in range(4)]
    steps = [step for gate in gates for step in ("send:300", f"read:{gate.path}")]
    channels: list[PageClient] = []
    steps.append("send:300")
    with (
        ExitStack() as stack,
        RunningWorker(*VERBOSE, "--", *trainer(*steps, "leave")) as worker,
    ):
        for number, transport in enumerate((WEBSOCKET, WEBRTC, WEBRTC, WEBSOCKET, WEBSOCKET)):
            after = channels[-1].position if channels else 0
            client = PageClient(worker.link(), "a-viewer", transport, after=after)
            channels.append(stack.enter_context(client))  # the former one stays open
            worker.wait_for(f"control-a-viewer attached after report {after}\n")
            if number:
                gates[number - 1].open()
            client.wait_for_reports(300)
        assert worker.ends() == 0
    assert [c.reports for c in channels] == [reports(300, 300 * n) for n in range(5)]
