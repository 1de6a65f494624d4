"""Messages of a trainer that are no report, or too large a one."""

import json
import time

import pytest

from actors.runtime import LINES, LINES_RATE
from messages import ReportingSummary
from tests.support.channel import FakeChannel
from tests.support.logs import errors
from tests.support.reporting import attach_client, start, status, stop, trainer_for
from tests.support.texts import forwarded

NEXT = '{"what": "", "event": "epoch_end"}'


@pytest.mark.parametrize(
    ("frames", "what"),
    [
        ([b"\xff\xfe\x00 not a text"], r"14 bytes that are not UTF-8: b'\xff\xfe\x00 not a text'"),
        ([b"caf\xc3"], r"4 bytes that are not UTF-8: b'caf\xc3'"),
        ([b"first", b"second", b"third"], "a message of 3 frames, the first is 'first'"),
        ([b"\xff", b"second"], r"a message of 2 frames, the first is 1 bytes that are not UTF-8"),
        ([b"", b"second"], "a message of 2 frames"),
        ([b""], "an empty message"),
        ([b'{"what": "__meta__", "event": "ended"}'], "it says that it is the worker's own"),
    ],
)
def test_a_message_that_is_no_text_is_an_error_and_the_next_is_forwarded(
    supervisor, caplog, frames, what
):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send_bytes(*frames)
        trainer.send(NEXT)
        assert channel.wait_for_count(1) == forwarded([NEXT])
        counted = status(supervisor)

    assert (counted.received, counted.undecodable) == (2, 1)
    assert stop(supervisor).summary == ReportingSummary(received=2, forwarded=1, undecodable=1)
    [error] = errors(caplog)
    assert what in error
    assert channel.sent == forwarded([NEXT])


def test_a_flood_of_bad_messages_is_counted_whole_and_logged_in_short(supervisor, caplog):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        for _ in range(500):
            trainer.send_bytes(b"\xff")
        trainer.send(NEXT)
        channel.wait_for_count(1)
    assert stop(supervisor).summary == ReportingSummary(received=501, forwarded=1, undecodable=500)
    assert 1 <= len(errors(caplog)) < 500


def test_a_flood_in_many_polls_is_logged_in_short_too_and_none_is_left_out(supervisor, caplog):
    channel, began = FakeChannel(), time.monotonic()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        for number in range(1, 21):
            for _ in range(30):
                trainer.send_bytes(b"\xff")
            trainer.send(NEXT)
            channel.wait_for_count(number)
    assert stop(supervisor).summary.undecodable == 600
    singly = [text for text in errors(caplog) if "more" not in text]
    numbers = [int(text.split()[0]) for text in errors(caplog) if "more" in text]
    assert len(singly) <= LINES + 1 + LINES_RATE * (time.monotonic() - began)
    assert len(singly) + sum(numbers) == 600


def test_a_report_of_a_megabyte_arrives_whole_on_a_channel_that_takes_it(supervisor, caplog):
    large = json.dumps({"what": "", "event": "epoch_end", "logs": {"text": "\u00b5" * 500_000}})
    assert len(large) > 1_000_000
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(NEXT, large, NEXT)
        assert channel.wait_for_count(3) == forwarded([NEXT, large, NEXT])
    assert stop(supervisor).summary == ReportingSummary(received=3, forwarded=3)
    assert errors(caplog) == []


def test_a_report_that_the_channel_refuses_is_an_error_with_its_size_and_counts_as_failed(
    supervisor, caplog
):
    large = json.dumps({"text": "x" * 1_000_000})
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        channel.raises = ValueError("Message too large")
        trainer.send(large, NEXT)
        assert channel.wait_for_count(1) == forwarded([NEXT])
    assert stop(supervisor).summary == ReportingSummary(received=2, forwarded=1, failed=1)
    [error] = errors(caplog)
    assert "ValueError: Message too large" in error
    assert str(len(large)) in error
    assert "alice" in error


@pytest.mark.parametrize(
    "message",
    [
        "not json at all",
        "PROGRESS_REPORT::{}",
        '{"event": "epoch_end", "logs": {"val/loss": NaN, "train/loss": Infinity}}',
        "[" * 100_000,
        " ",
        "\0",
        "a\r\nb",
    ],
)
def test_any_text_is_forwarded_unchanged(supervisor, caplog, message):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(message)
        assert channel.wait_for_count(1) == ["PROGRESS_REPORT::" + message]
    assert stop(supervisor).summary == ReportingSummary(received=1, forwarded=1)
    assert errors(caplog) == []
