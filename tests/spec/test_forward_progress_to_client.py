"""Progress Listener."""

import json

from tests.support.channel import FakeChannel
from tests.support.reporting import attach_client, start, trainer_for


def test_forward_progress_to_client(supervisor):
    """WHEN progress message received from trainer ZMQ socket."""
    epoch_end = json.dumps(
        {
            "what": "",
            "event": "epoch_end",
            "epoch": 3,
            "logs": {"train/loss": 0.1, "val/loss": float("nan"), "note": "a::b \u00b5"},
        },
        ensure_ascii=False,
    )
    channel = FakeChannel()
    attach_client(supervisor, channel)

    with trainer_for(start(supervisor)) as trainer:
        trainer.send(epoch_end)
        [text] = channel.wait_for_count(1)

    assert text == "PROGRESS_REPORT::" + epoch_end
    assert text.removeprefix("PROGRESS_REPORT::").encode() == epoch_end.encode(), "full JSON"
