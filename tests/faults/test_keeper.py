"""The keeper between a worker and its training: it never waits for the worker, or for a disk."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.changed_worker import changed, unchecked
from tests.support.processes import ends, parent_of, python, runs, shell
from tests.support.running_worker import PROMPT, RunningWorker
from tests.support.waiting import settled

WRITES = """\
import pathlib, sys
print('ready', flush=True)
open(sys.argv[1]).readline()
for number in range(20_000):
    print(number, 'x' * 1000)
pathlib.Path(sys.argv[2]).touch()
"""
"""A trainer that writes 20 MB, and says when it has."""


def keeper_of(worker: RunningWorker) -> int:
    """The process that keeps the training."""
    return parent_of(worker.training())


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """The process does nothing meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_worker_that_stands_still_holds_up_no_training(gate, tmp_path):
    done = tmp_path / "done"
    with RunningWorker(
        "--no-page", "--", *python(WRITES, gate.path, str(done)), program=unchecked(PROMPT)
    ) as worker:
        worker.wait_for("ready")
        worker.interrupt(signal.SIGSTOP)
        gate.open()
        assert settled(done.exists)
        worker.interrupt(signal.SIGCONT)
        assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()
    assert "19999 xxx" in worker.output


def test_a_keeper_that_is_killed_costs_the_exit_code_and_not_the_training(gate):
    script = "echo ready; read line < $1; echo 'it writes on'; exit 7"
    with RunningWorker("--no-page", "--", *shell(script, gate.path)) as worker:
        worker.wait_for("ready")
        os.kill(keeper_of(worker), signal.SIGKILL)
        worker.interrupt(signal.SIGTERM)
        worker.wait_for("is gone: nobody waits for it any more")
        gate.open()
        assert worker.ends() == 1, worker.output
        assert worker.leaves_nothing()
    assert "it writes on" in worker.output
    assert "nobody knows with which exit code" in " ".join(worker.output.split())


def test_a_keeper_that_stands_still_holds_up_no_end(gate):
    script = "echo ready; read line < $1; exit 7"
    with RunningWorker(
        "--no-page", "--", *shell(script, gate.path), program=changed(unanswered=0.5)
    ) as worker:
        worker.wait_for("ready")
        keeper = keeper_of(worker)
        with standing_still(keeper):
            gate.open()
            assert worker.ends() == 1, worker.output
        assert worker.leaves_nothing()
    told = " ".join(worker.output.split())
    assert f"process {keeper}, does not answer" in told
    assert "nobody knows with which exit code" in told


def test_a_cancel_that_no_keeper_answers_is_refused_with_the_reason(gate):
    script = "echo ready; read line < $1; exit 7"
    with RunningWorker(
        "--no-page", "--", *shell(script, gate.path), program=changed(unanswered=0.5)
    ) as worker:
        worker.wait_for("ready")
        with standing_still(keeper_of(worker)):
            worker.interrupt(signal.SIGTERM)
            worker.wait_for("does not answer: nobody waits for it any more")
            gate.open()
            assert worker.ends() == 1, worker.output
        assert worker.leaves_nothing()


def test_a_training_whose_keeper_stands_still_is_adopted_as_one_without(gate, tmp_path):
    where = ("--no-page", "--runs-folder", str(tmp_path))
    command = shell("echo ready; read line < $1; exit 7", gate.path)
    with RunningWorker(*where, "--", *command) as worker:
        worker.wait_for("ready")
        keeper = keeper_of(worker)
        worker.interrupt(signal.SIGKILL)
        worker.ends()
        os.kill(keeper, signal.SIGSTOP)
        try:
            adopts = (*where, "--adopt=last")
            program = changed(unanswered=0.5)
            with RunningWorker(*adopts, ports=(), program=program) as other:
                other.wait_for("does not answer: nobody waits for it any more")
                gate.open()
                assert other.ends() == 1, other.output
        finally:
            os.kill(keeper, signal.SIGCONT)
        assert worker.leaves_nothing()
    assert "nobody knows with which exit code" in " ".join(other.output.split())


def test_a_keeper_goes_on_without_its_worker_until_the_output_ends(gate, tmp_path):
    done = tmp_path / "done"
    with RunningWorker(
        "--no-page", "--", *python(WRITES, gate.path, str(done)), program=unchecked(PROMPT)
    ) as worker:
        worker.wait_for("ready")
        keeper = keeper_of(worker)
        worker.kill()
        assert runs(keeper)
        gate.open()
        assert settled(done.exists)
        assert ends(keeper)
        assert worker.leaves_nothing()
