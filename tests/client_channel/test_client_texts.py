"""ClientChannelActor: texts from the client."""

import pytest

from messages import (
    ClientMessageReceived,
    PublishControl,
)
from tests.support.channel import FakeChannel
from tests.support.client_rig import ClientRig
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe


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
