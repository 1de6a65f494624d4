"""ClientChannelActor: texts from the client."""

import pytest

from actors.client_channel.text_limit import BYTES, TEXTS
from messages import ClientMessageReceived, PublishControl
from tests.support.channel import FakeChannel
from tests.support.client_rig import ClientRig
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe
from tests.support.waiting import settled


@pytest.fixture
def rig(rig: ClientRig) -> ClientRig:
    rig.follow()
    return rig


@pytest.mark.parametrize("prefix", ["ZMQ_CTRL::", "CONTROL_COMMAND::"])
def test_a_control_text_goes_to_the_control_socket(
    rig: ClientRig, channel: FakeChannel, loop_thread: LoopThread, prefix: str
) -> None:
    rig.attach(channel)
    loop_thread.call(channel.receive, prefix + "a::b")
    rig.control.expect(PublishControl(command="a::b"))
    rig.status()
    assert rig.owner.drain() == []


def test_a_control_text_of_a_viewer_goes_to_the_owner(
    rig: ClientRig, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    rig.attach(channel, accept_control=False)
    loop_thread.call(channel.receive, "ZMQ_CTRL::STOP")
    rig.owner.expect(ClientMessageReceived(client_id="alice", text="ZMQ_CTRL::STOP"))
    assert rig.control.drain() == []


def test_other_texts_go_to_the_owner_in_order(
    rig: ClientRig, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    rig.attach(channel)
    for text in ("JOB_CANCEL", "", "x ZMQ_CTRL::STOP"):
        loop_thread.call(channel.receive, text)
        rig.owner.expect(ClientMessageReceived(client_id="alice", text=text))


def test_a_text_that_is_no_unicode_raises_nothing_in_the_channel(
    rig: ClientRig, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    rig.attach(channel)
    loop_thread.call(channel.receive, "half of a pair: \ud800")
    rig.owner.expect(ClientMessageReceived(client_id="alice", text="half of a pair: \ud800"))
    loop_thread.call(channel.receive, "CONTROL_COMMAND::\ud800")
    rig.control.expect(PublishControl(command="\ud800"))


def test_bytes_from_the_client_are_ignored(
    rig: ClientRig, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    rig.attach(channel)
    loop_thread.call(channel.receive, b"KEEP_ALIVE")
    loop_thread.call(channel.receive, b"ZMQ_CTRL::STOP")
    loop_thread.call(channel.receive, "behind")
    rig.owner.expect(ClientMessageReceived(client_id="alice", text="behind"))
    assert rig.control.drain() == []


def test_control_goes_to_the_control_socket_that_is_followed(
    rig: ClientRig, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    rig.attach(channel)
    former, rig.control = rig.control, Probe()
    rig.follow()
    rig.status()
    loop_thread.call(channel.receive, "ZMQ_CTRL::STOP")
    rig.control.expect(PublishControl(command="STOP"))
    assert former.drain() == []


@pytest.mark.parametrize("accept_texts", [False, None, "yes", 1])
def test_nobody_listens_to_who_may_only_watch(
    rig: ClientRig, channel: FakeChannel, loop_thread: LoopThread, accept_texts: object
) -> None:
    rig.attach(channel, accept_texts=accept_texts)
    for text in ("ZMQ_CTRL::STOP", "JOB_CANCEL", "x" * 60_000):
        loop_thread.call(channel.receive, text)
    rig.status()
    assert rig.owner.drain() == rig.control.drain() == []


def flood(channel: FakeChannel, count: int, text: str | bytes) -> None:
    for _ in range(count):
        channel.receive(text)


@pytest.mark.parametrize(("count", "size", "most"), [(20_000, 1, 5_000), (500, 60_000, 300)])
def test_of_a_flood_so_much_is_told_as_a_person_can_mean_with_one_warning(
    rig: ClientRig,
    channel: FakeChannel,
    loop_thread: LoopThread,
    caplog: pytest.LogCaptureFixture,
    count: int,
    size: int,
    most: int,
) -> None:
    rig.attach(channel)
    loop_thread.call(flood, channel, count, "x" * size)
    rig.status()
    assert min(TEXTS, BYTES // size) <= len(rig.owner.drain()) < most
    assert [r.levelname for r in caplog.records if "sends too much" in r.message] == ["WARNING"]


def test_bytes_which_nobody_reads_do_not_count(
    rig: ClientRig, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    rig.attach(channel)
    loop_thread.call(flood, channel, 2 * TEXTS, b"x" * 10_000)
    loop_thread.call(channel.receive, "behind")
    rig.owner.expect(ClientMessageReceived(client_id="alice", text="behind"))


def test_a_client_is_heard_again_some_time_after_a_flood(
    rig: ClientRig, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    rig.attach(channel)
    loop_thread.call(flood, channel, 2 * TEXTS, "x")
    rig.status()
    rig.owner.drain()

    def is_heard() -> bool:
        loop_thread.call(channel.receive, "again")
        rig.status()
        return bool(rig.owner.drain())

    assert settled(is_heard)
