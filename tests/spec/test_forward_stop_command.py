"""Control Message Publishing."""

import logging

from tests.support.channel import FakeChannel
from tests.support.reporting import attach_client, start, trainer_for


def test_forward_stop_command(supervisor, loop_thread, owner, caplog):
    """WHEN client sends "ZMQ_CTRL::STOP" message."""
    caplog.set_level(logging.INFO, "actors")
    channel = FakeChannel()
    with trainer_for(start(supervisor)) as trainer:
        attach_client(supervisor, channel)
        assert "Sent control message to Trainer" not in caplog.messages

        loop_thread.call(channel.receive, "ZMQ_CTRL::STOP")

        assert trainer.command() == "STOP", "extract the command, publish via control PUB socket"
    channel_records = [r for r in caplog.records if r.getMessage().startswith("Sent control")]
    assert [record.getMessage() for record in channel_records] == [
        "Sent control message to Trainer"
    ]
    assert not [m for m in owner.drain() if "STOP" in repr(m)], "it is not the owner's business"
