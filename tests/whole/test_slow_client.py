"""A client that stalls costs a bounded log and loses batch reports alone, and nobody else waits."""

import json

import pytest

from tests.support.channel import FakeChannel
from tests.support.logs import warnings
from tests.support.reporting import attach_client, start, status, stop, trainer_for
from tests.support.settings import on_free_ports
from tests.support.texts import forwarded

LOG_LIMIT, HIGH_WATER = 500, 2_000

PART = 200
"""Reports that are sent at once: fewer than the log has room for while they are forwarded."""


@pytest.fixture
def settings():
    return on_free_ports(log_limit=LOG_LIMIT, channel_high_water=HIGH_WATER)


def epochs(first, last, batches):
    """The reports of some epochs."""
    return [
        json.dumps({"event": event, "epoch": epoch, "number": number})
        for epoch in range(first, last)
        for number, event in enumerate(
            ["epoch_begin", *["batch_start", "batch_end"] * batches, "epoch_end"]
        )
    ]


def of_epochs(texts):
    return [text for text in texts if '"epoch_begin"' in text or '"epoch_end"' in text]


def test_when_it_wakes_it_gets_every_epoch_and_what_it_missed_is_counted(
    supervisor, loop_thread, caplog
):
    stalled, other = FakeChannel(buffering=True), FakeChannel()
    attach_client(supervisor, stalled, "stalled")
    attach_client(supervisor, other, "other")
    total, spells = [], 2
    with trainer_for(start(supervisor)) as trainer:
        for spell in range(spells):
            messages = epochs(20 * spell, 20 * spell + 20, batches=50)
            for begin in range(0, len(messages), PART):
                trainer.send(*messages[begin : begin + PART])
                total += messages[begin : begin + PART]
                assert other.wait_for_count(len(total)) == forwarded(total)  # it is not held up
            assert stalled.highest_buffered <= HIGH_WATER
            assert len(warnings(caplog)) == spell  # it does not know yet
            awake = len(stalled.sent)
            while stalled.sent[-1] != other.sent[-1]:
                loop_thread.call(stalled.drain)
            assert len(stalled.sent) - awake <= LOG_LIMIT + len(of_epochs(messages))
            assert len(warnings(caplog)) == spell + 1
            assert "client stalled misses" in warnings(caplog)[-1]
        rows = {row.client_id: row for row in status(supervisor).clients}
        loop_thread.call(stalled.drain)
    assert of_epochs(stalled.sent) == of_epochs(other.sent)
    assert sorted(stalled.sent, key=other.sent.index) == stalled.sent
    assert rows["other"].missed == 0
    assert rows["stalled"].missed == len(total) - len(stalled.sent)
    assert stop(supervisor).summary.failed == rows["stalled"].missed
