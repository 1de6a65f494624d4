"""attach: what a channel brings before its actor listens."""

from typing import Any

import pytest

from actors.client_channel import attach, channels
from messages import AttachClient
from tests.support.channel import FakeChannel
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe
from tests.support.waiting import settled


def attached(loop_thread: LoopThread, channel: FakeChannel) -> AttachClient:
    supervisor: Probe[AttachClient] = Probe()
    loop_thread.call(lambda: attach(supervisor, client_id="alice", channel=channel))
    return supervisor.wait_for(AttachClient)


def texts_of(loop_thread: LoopThread, message: AttachClient) -> list[str]:
    """What came early; another one is sent when somebody listens."""
    texts: list[str] = []
    early: Any = message.channel
    loop_thread.call(early.listen, texts.append)
    return texts


def test_what_comes_before_somebody_listens_is_not_lost(loop_thread: LoopThread) -> None:
    channel = FakeChannel()
    message = attached(loop_thread, channel)
    loop_thread.call(channel.receive, "early")
    texts = texts_of(loop_thread, message)
    loop_thread.call(channel.receive, "late")
    assert texts == ["early", "late"]


def test_what_nobody_ever_listens_to_is_not_kept(
    loop_thread: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "EARLY_TIME", 0.0)
    channel = FakeChannel()
    message = attached(loop_thread, channel)
    loop_thread.call(channel.receive, "early")
    early: Any = message.channel
    assert settled(lambda: not early._early)
    loop_thread.call(channel.receive, "later")
    texts = texts_of(loop_thread, message)
    loop_thread.call(channel.receive, "last")
    assert texts == ["last"]
