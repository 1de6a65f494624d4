"""Progress Listener."""

import zmq

from actors import ReporterSettings
from tests.support.trainer import StandInTrainer


def test_start_progress_listener(polling):
    """WHEN training job starts with GUI mode enabled."""
    # AND poll for messages every 50ms
    assert ReporterSettings().poll_interval == 0.05
    polling.journal.wait_for_count("sleep", 4)
    polls = [e for e in polling.journal.entries() if e.what in ("recv_string", "sleep")]
    assert [entry.what for entry in polls[:8]] == ["recv_string", "sleep"] * 4
    assert {entry.detail for entry in polls if entry.what == "sleep"} == {0.05}

    made, *rest = polling.journal.entries("made")  # only SUB sockets are noted: create SUB socket
    assert not rest
    # AND bind to tcp://127.0.0.1:9001 (publish port)
    assert ReporterSettings().progress_address == "tcp://127.0.0.1:9001"
    assert [entry.detail for entry in polling.journal.entries("bind")] == ["tcp://127.0.0.1:*"]
    assert polling.address.startswith("tcp://127.0.0.1:")
    # AND subscribe to all messages (empty filter)
    assert [entry.detail for entry in polling.journal.entries("subscribe")] == [""]
    with StandInTrainer(progress_address=polling.address) as trainer:  # its XPUB gets the filter
        anything = ['{"event": "train_begin"}', "any topic", "~", "\u00e9t\u00e9"]
        trainer.send(*anything)
        received: list[str] = []
        while len(received) < len(anything):
            received += polling.read(after=len(received)).messages
    assert received == anything
    assert made.thread != polling.loop_thread.ident
    assert zmq.NOBLOCK in {entry.detail for entry in polling.journal.entries("recv_string")}
