"""A command that was not told the ports, and of which nothing connects."""

import pytest

from actors.worker.silence import CONNECT_TIMEOUT, TEXT
from messages import (
    StopReporting,
    TrainerConnected,
    TrainerExited,
    TrainerStarted,
    WarningGiven,
)
from tests.support.processes import shell
from tests.support.running_worker import RunningWorker
from tests.support.worker_rig import WorkerRig


@pytest.fixture
def worker():
    rig = WorkerRig()
    yield rig
    rig.close()


def warnings(worker: WorkerRig) -> list[str]:
    return [event.text for event in worker.noted() if isinstance(event, WarningGiven)]


def started(worker: WorkerRig, *command: str) -> None:
    worker.train(*command)
    worker.tell(TrainerStarted(pid=1))
    worker.barrier()


def test_it_is_warned_of_once_when_nothing_has_connected_in_time(worker):
    started(worker, "python", "train.py")
    worker.clock.advance(CONNECT_TIMEOUT - 0.1)
    assert warnings(worker) == []
    worker.clock.advance(0.2)
    assert warnings(worker) == [TEXT]
    worker.tell(TrainerExited(returncode=0))
    worker.supervisor.wait_for(StopReporting)
    assert warnings(worker) == []


def test_what_a_script_with_sleap_nn_in_it_is_to_write_is_said(worker):
    started(worker, "bash", "-c", "cd models && sleap-nn train config.yaml")
    worker.clock.advance(CONNECT_TIMEOUT + 0.1)
    (warning,) = warnings(worker)
    for option in ("controller_port={control_port}", "publish_port={progress_port}"):
        assert f"++trainer_config.zmq.{option}" in warning


def test_it_is_warned_of_when_the_command_ends_before(worker):
    started(worker, "python", "train.py")
    worker.tell(TrainerExited(returncode=0))
    worker.supervisor.wait_for(StopReporting)
    assert warnings(worker) == [TEXT]


def test_a_command_that_connects_is_not_warned_of(worker):
    started(worker, "python", "train.py")
    worker.tell(TrainerConnected())
    worker.barrier()
    worker.clock.advance(2 * CONNECT_TIMEOUT)
    worker.tell(TrainerExited(returncode=0))
    worker.supervisor.wait_for(StopReporting)
    assert warnings(worker) == []


@pytest.mark.parametrize(
    "command",
    [
        ("sleap-nn", "train", "config.yaml"),
        ("sleap-train", "profile.json"),
        ("python", "train.py", "{control_port}", "{progress_port}"),
        ("python", "train.py", "--publish=tcp://127.0.0.1:5001"),
    ],
)
def test_a_command_that_was_told_the_ports_may_take_its_time(worker, command):
    started(worker, *command)
    worker.clock.advance(2 * CONNECT_TIMEOUT)
    assert warnings(worker) == []


def test_it_is_a_line_in_the_terminal_that_says_what_to_write():
    with RunningWorker("--", *shell("echo trained")) as worker:
        assert worker.ends() == 0
    assert "warning: no progress is reported" in worker.output
    assert "write {control_port} and {progress_port} into it" in worker.output
