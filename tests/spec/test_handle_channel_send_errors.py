"""Progress Listener."""

import logging

from tests.support.channel import FakeChannel
from tests.support.reporting import attach_client, start, trainer_for


class InvalidStateError(Exception):
    """Like aiortc's: without a text."""


def test_handle_channel_send_errors(supervisor, caplog):
    """WHEN RTC channel send fails during progress forward."""
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        channel.raises = InvalidStateError()
        trainer.send("lost", "next")
        assert channel.wait_for_count(1) == ["PROGRESS_REPORT::next"], "continue listening"
        trainer.send("and the one after")
        assert channel.wait_for_count(2)[1] == "PROGRESS_REPORT::and the one after"

    # THEN progress reporter SHALL log error
    [error] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "InvalidStateError" in error.getMessage()
    assert "alice" in error.getMessage()
