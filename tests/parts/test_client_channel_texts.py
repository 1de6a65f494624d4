"""ClientChannelActor: texts from the client."""

from collections.abc import Iterator

import pytest

from messages import (
    ClientMessageReceived,
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
