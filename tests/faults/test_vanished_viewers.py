"""A viewer that vanishes without a goodbye, as a killed browser, shortly before the end."""

from tests.support.changed_worker import changed
from tests.support.client_process import ClientProcess
from tests.support.page_client import WEBRTC, PageClient
from tests.support.running_worker import PAGE, RunningWorker
from tests.support.trainer_process import trainer
from tests.support.waiting import settled

HASTY = changed(impatient=3.0)


def test_the_trainers_end_is_said_while_a_vanished_viewer_is_waited_for(gate, tmp_path):
    steps = trainer("send:3", f"read:{gate.path}", "send-large:2", "leave", "exit:0")
    with RunningWorker(*PAGE, "--", *steps, program=HASTY) as worker:
        worker.wait_for("the trainer has connected")
        with (
            PageClient(worker.link(), "a-viewer") as here,
            ClientProcess(
                worker.link(), "vanished-viewer", tmp_path / "received", WEBRTC
            ) as vanished,
        ):
            assert settled(lambda: len(vanished.reports) == 3)
            vanished.kill()
            gate.open()
            waits = worker.wait_for("a viewer has not taken the last reports")
            assert "the trainer has ended with exit code 0" in waits
            assert "3 s at most" in waits
            state = here.wait_for_event("state", state="delivering")
            assert state["text"] in waits
        assert worker.ends() == 0, worker.output
    assert "are left" not in worker.output
    assert "came too late" not in worker.output
