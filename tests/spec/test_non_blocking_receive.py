"""Non-Blocking ZMQ Operations."""

import zmq

from tests.support.trainer import StandInTrainer


def test_non_blocking_receive(polling):
    """WHEN polling for trainer messages."""
    with StandInTrainer(progress_address=polling.address) as trainer:
        trainer.send("first", "second")
        polling.journal.wait_for_count("received", 2)
    polling.journal.wait_for_count("raised", 3)
    receives = polling.journal.entries("recv_string")

    # THEN progress reporter SHALL use NOBLOCK flag
    assert {entry.detail for entry in receives} == {zmq.NOBLOCK}
    # AND run recv_string in thread pool executor
    assert len({entry.thread for entry in polling.journal.entries() if entry.what != "sleep"}) == 1
    assert receives[0].thread != polling.loop_thread.ident
    # AND return to event loop between polls: it runs while a receive is under way
    polling.context.gate.clear()
    polling.journal.wait_for_count("recv_string", len(receives) + 1)
    assert polling.loop_thread.call(lambda: "the loop runs") == "the loop runs"
    polling.context.gate.set()
