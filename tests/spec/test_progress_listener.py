"""Requirement: Progress Listener."""

import json
import logging

import zmq

from actors import ReporterSettings
from actors.progress_listener.socket import ProgressSocket
from tests.support.addresses import FREE_PORT
from tests.support.channel import FakeChannel
from tests.support.polling import Journal, RecordingContext
from tests.support.reporting import attach_client, start, trainer_for
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE


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
    assert [entry.detail for entry in polling.journal.entries("bind")] == [FREE_PORT]
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


def test_handle_zmq_receive_errors(polling, caplog):
    """WHEN ZMQ recv_string raises zmq.Again (no message available)."""
    caplog.set_level(logging.WARNING)
    journal = Journal()
    context = RecordingContext(journal)
    socket = ProgressSocket(ReporterSettings())
    socket.thread.submit(socket.open, context, FREE_PORT).result(PATIENCE)

    received = socket.thread.submit(socket.receive).result(PATIENCE)

    assert [entry.detail for entry in journal.entries("raised")] == [zmq.Again]
    assert received is None, "progress reporter SHALL return None"
    socket.close().result(PATIENCE)
    context.term()

    # AND continue polling without error
    raised = polling.journal.wait_for_count("raised", 3)
    assert {entry.detail for entry in raised} == {zmq.Again}
    with StandInTrainer(progress_address=polling.address) as trainer:
        trainer.send("after the empty polls")
        assert polling.read(after=0).messages == ("after the empty polls",)
    assert caplog.messages == []


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
