"""The wall clock is set forth and back by an hour, all the time."""

import itertools
import signal

import pytest

from tests.support.changed_worker import changed
from tests.support.page_client import TRANSPORTS, PageClient
from tests.support.running_worker import PAGE, RunningWorker
from tests.support.texts import reports
from tests.support.trainer_process import trainer

JUMPING = changed(clock=3600.0)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_clock_that_jumps_changes_no_order_and_no_time_of_the_run(transport, gate):
    steps = trainer("send:300", f"read:{gate.path}", "leave", "exit:2")
    with RunningWorker(*PAGE, "--", *steps, program=JUMPING) as worker:
        with PageClient(worker.link(), "a-client", transport) as client:
            gate.open()
            assert client.wait_for_reports(300) == reports(300)
            client.wait_for_event("ended")
            times = [event["time"] for event in client.events if event["event"] == "clock"]
            assert worker.ends() == 2, worker.output
        assert worker.leaves_nothing()
    assert all(0 <= later - former < 1_800 for former, later in itertools.pairwise(times))


def test_a_clock_that_jumps_changes_no_grace_time():
    steps = trainer("ignore-term", "print:deaf", "send-every:0.01")
    options = (*PAGE, "--grace", "0.5")
    with RunningWorker(*options, "--", *steps, program=JUMPING) as worker:
        worker.wait_for("deaf")
        worker.interrupt(signal.SIGTERM)
        worker.wait_for("SIGTERM has been sent")
        worker.wait_for("SIGKILL has been sent")
        assert worker.ends() == 128 + signal.SIGTERM, worker.output
        assert worker.leaves_nothing()
