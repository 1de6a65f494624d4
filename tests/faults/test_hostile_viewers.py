"""Viewers that send all they can: the training, its other viewers and Ctrl-C do not notice."""

import threading
from contextlib import ExitStack

import pytest

from tests.support.changed_worker import unchecked
from tests.support.page_client import WEBRTC, WEBSOCKET, PageClient
from tests.support.processes import memory_of
from tests.support.running_worker import PAGE, PROMPT, RunningWorker
from tests.support.texts import reports
from tests.support.trainer_process import trainer

ROOM = 20_000_000
"""Bytes that the worker may grow by."""

READ_ONLY = ("--read-only-token", "random")


@pytest.mark.parametrize("what", ["watch it at ", "watch and stop it at "])
@pytest.mark.parametrize("transport", [WEBSOCKET, WEBRTC])
def test_five_viewers_that_flood_the_worker_hold_up_neither_reports_nor_ctrl_c(
    transport, what, new_gate
):
    gate, never = new_gate(), new_gate()
    # However long the flood takes, it is there to be stopped.
    steps = trainer("send:100", f"read:{gate.path}", "send:1900", f"read:{never.path}")
    with ExitStack() as stack:
        worker = stack.enter_context(
            RunningWorker(*PAGE, *READ_ONLY, "--", *steps, program=unchecked(PROMPT))
        )
        friend = stack.enter_context(PageClient(worker.link(), "a-friend"))
        friend.wait_for_reports(100)
        before = memory_of(worker.pid)
        hostile = [
            stack.enter_context(PageClient(worker.link(what), f"hostile-{n}", transport))
            for n in range(5)
        ]
        floods = [threading.Thread(target=flood, args=(viewer,)) for viewer in hostile]
        for thread in floods:
            thread.start()
        gate.open()
        assert friend.wait_for_reports(2000)[:2000] == reports(2000)
        assert memory_of(worker.pid) - before < ROOM
        worker.interrupt()
        worker.wait_for("the trainer has been asked to stop")
        worker.interrupt()
        assert worker.ends() == 143, worker.output
        for thread in floods:
            thread.join()
        assert worker.leaves_nothing()


def flood(viewer):
    """Send until it is closed."""
    try:
        for _ in range(1000):
            viewer.send("ZMQ_CTRL::" + "x" * 60_000)
    except Exception:
        pass
