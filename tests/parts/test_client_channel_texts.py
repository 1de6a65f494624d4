"""ClientChannelActor: texts to the client beside the reports, and texts from it."""

from collections.abc import Iterator

import pytest

from messages import (
    ClientMessageReceived,
    ForwardText,
    PublishControl,
)
from tests.parts.client_bench import ClientBench, client_bench
from tests.support.channel import FakeChannel
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe


@pytest.fixture
def bench(loop_thread: LoopThread) -> Iterator[ClientBench]:
    with client_bench(loop_thread) as bench:
        bench.follow()
        yield bench


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


def test_text_is_forwarded_as_it_stands(bench: ClientBench, channel: FakeChannel) -> None:
    bench.attach(channel)
    bench.ref.tell(ForwardText(text="TRAIN_JOB_START::1"))
    assert channel.wait_for_count(1) == ["TRAIN_JOB_START::1"]
    assert bench.status().forwarded == 0


@pytest.mark.parametrize("state", ["connecting", "closed"])
def test_text_for_a_channel_that_is_not_open_is_an_error_in_the_log(
    bench: ClientBench, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench.attach(FakeChannel(state))
    bench.ref.tell(ForwardText(text="text"))
    bench.status()
    assert "text not forwarded to client alice: its channel is not open" in caplog.text


def test_text_whose_send_raises_is_an_error_in_the_log(
    bench: ClientBench, channel: FakeChannel, caplog: pytest.LogCaptureFixture
) -> None:
    bench.attach(channel)
    channel.raises = ValueError("too large")
    bench.ref.tell(ForwardText(text="text"))
    bench.ref.tell(ForwardText(text="next"))
    assert channel.wait_for_count(1) == ["next"]
    assert "ValueError('too large')" in caplog.text


@pytest.mark.parametrize("prefix", ["ZMQ_CTRL::", "CONTROL_COMMAND::"])
def test_a_control_text_goes_to_the_control_socket(
    bench: ClientBench, channel: FakeChannel, loop_thread: LoopThread, prefix: str
) -> None:
    bench.attach(channel)
    loop_thread.call(channel.receive, prefix + "a::b")
    bench.control.expect(PublishControl(command="a::b"))
    bench.status()
    assert bench.owner.drain() == []


def test_a_control_text_of_a_viewer_goes_to_the_owner(
    bench: ClientBench, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    bench.attach(channel, accept_control=False)
    loop_thread.call(channel.receive, "ZMQ_CTRL::STOP")
    bench.owner.expect(ClientMessageReceived(client_id="alice", text="ZMQ_CTRL::STOP"))
    assert bench.control.drain() == []


def test_other_texts_go_to_the_owner_in_order(
    bench: ClientBench, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    bench.attach(channel)
    for text in ("JOB_CANCEL", "", "x ZMQ_CTRL::STOP"):
        loop_thread.call(channel.receive, text)
        bench.owner.expect(ClientMessageReceived(client_id="alice", text=text))


def test_bytes_from_the_client_are_ignored(
    bench: ClientBench, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    bench.attach(channel)
    loop_thread.call(channel.receive, b"KEEP_ALIVE")
    loop_thread.call(channel.receive, b"ZMQ_CTRL::STOP")
    loop_thread.call(channel.receive, "behind")
    bench.owner.expect(ClientMessageReceived(client_id="alice", text="behind"))
    assert bench.control.drain() == []


def test_control_goes_to_the_control_socket_that_is_followed(
    bench: ClientBench, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    bench.attach(channel)
    former, bench.control = bench.control, Probe()
    bench.follow()
    bench.status()
    loop_thread.call(channel.receive, "ZMQ_CTRL::STOP")
    bench.control.expect(PublishControl(command="STOP"))
    assert former.drain() == []
