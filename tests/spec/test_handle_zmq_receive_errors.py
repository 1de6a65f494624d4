"""Progress Listener."""

import logging

import zmq

from actors.progress_socket import ProgressSocket
from tests.support.polling import Journal, RecordingContext
from tests.support.probe import PATIENCE
from tests.support.trainer import StandInTrainer


def test_handle_zmq_receive_errors(polling, caplog):
    """WHEN ZMQ recv_string raises zmq.Again (no message available)."""
    caplog.set_level(logging.WARNING)
    journal = Journal()
    context = RecordingContext(journal)
    socket = ProgressSocket()
    socket.thread.submit(socket.open, context, "tcp://127.0.0.1:*").result(PATIENCE)

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
