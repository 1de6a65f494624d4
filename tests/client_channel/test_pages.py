"""ClientChannelActor: clients that take pages, and reports that are too large for a channel."""

import json
import logging

import pytest

from actors.client_channel import cursor
from messages import PAGES_PROTOCOL, StopReading
from tests.support.channel import FakeChannel
from tests.support.client_rig import ClientRig, ListenerStandIn
from tests.support.texts import forwarded, reports


class PagedChannel(FakeChannel):
    """That of a client that takes pages."""

    protocol = PAGES_PROTOCOL

    @property
    def messages(self) -> list[str]:
        return [message for text in self.sent for message in json.loads(text)["messages"]]


class SmallChannel(FakeChannel):
    """Its peer takes 65,536 bytes, as aiortc takes it of one that names no size."""

    def send(self, data: str, /) -> None:
        if len(data.encode()) > 65_536:
            raise ValueError(f"cannot send {len(data.encode())} bytes")
        super().send(data)


@pytest.fixture
def channel() -> PagedChannel:
    return PagedChannel()


def test_what_comes_at_once_goes_in_few_texts(
    rig: ClientRig, listener: ListenerStandIn, channel: PagedChannel
) -> None:
    listener.add(*reports(1_000))
    rig.attach(channel)
    channel.wait_for(lambda _: len(channel.messages) >= 1_000)
    assert channel.messages == reports(1_000)
    assert len(channel.sent) < 50
    assert (rig.status().forwarded, rig.status().position) == (1_000, 1_000)


def test_the_first_of_what_comes_goes_at_once_and_what_follows_waits_for_more(
    rig: ClientRig,
    listener: ListenerStandIn,
    channel: PagedChannel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cursor, "PAUSE", 0.0)
    rig.attach(channel)
    rig.settle(channel)
    monkeypatch.setattr(cursor, "PAUSE", 3_600.0)
    listener.add("one")
    channel.wait_for(lambda _: channel.messages == ["one"])
    listener.add("two", "three")
    rig.settle(channel)
    assert channel.messages == ["one"]
    rig.flush(3).get()
    assert channel.messages == ["one", "two", "three"]


def test_the_pause_ends(rig: ClientRig, listener: ListenerStandIn, channel: PagedChannel) -> None:
    rig.attach(channel)
    for report in reports(5):
        before = len(channel.sent)
        listener.add(report)
        channel.wait_for(lambda sent, before=before: len(sent) > before)  # type: ignore[misc]
    assert channel.messages == reports(5)


def test_a_client_that_ends_in_a_pause_asks_for_nothing(
    rig: ClientRig, channel: PagedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "PAUSE", 3_600.0)
    rig.follow()
    rig.attach(channel)
    rig.answer(0, "one")
    channel.wait_for(lambda _: channel.messages == ["one"])
    rig.end()
    assert isinstance(rig.reads.get(), StopReading)
    assert rig.reads.drain() == []


@pytest.mark.parametrize("event", ["epoch_end", "batch_end"])
def test_a_report_that_its_channel_does_not_take_goes_without_its_values_with_a_warning(
    rig: ClientRig, listener: ListenerStandIn, caplog: pytest.LogCaptureFixture, event: str
) -> None:
    channel = SmallChannel()
    logs = {"val/loss": 0.25, "matrix": [0.5] * 50_000}
    large = json.dumps({"what": "", "event": event, "epoch": 7, "logs": logs})
    small = {"what": "", "event": event, "epoch": 7, "logs": {"val/loss": 0.25}, "truncated": True}
    rig.attach(channel)
    listener.add("before", large, "behind")
    assert channel.wait_for_count(3) == forwarded(["before", json.dumps(small), "behind"])
    status = rig.status()
    assert (status.forwarded, status.failed) == (3, 0)
    [warning] = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert "is sent report 2 without its values: cannot send" in warning.getMessage()


def test_what_is_no_report_and_is_too_large_has_failed(
    rig: ClientRig, listener: ListenerStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    channel = SmallChannel()
    rig.attach(channel)
    listener.add("x" * 100_000, "behind")
    assert channel.wait_for_count(1) == forwarded(["behind"])
    assert (rig.status().forwarded, rig.status().failed) == (1, 1)
    assert "cannot send" in caplog.text
