"""The trainer's actor ends a process, and what the process has started."""

import signal

import pytest

from tests.support.processes import ends, python, runs, shell
from tests.support.training_rig import Training, TrainingRig

# A shell runs a trap when its foreground command has ended: the shorter, the sooner.
OBEYS = "trap 'echo saved; exit 3' TERM; echo ready; while :; do sleep 0.02; done"
IGNORES = "trap 'echo heard' TERM; echo ready; while :; do sleep 0.02; done"
IGNORES_UNTIL = "trap 'echo heard' TERM; echo ready; read line < $1 || read line < $1;"
CHILD_AND_PARENT = """\
trap 'echo parent; wait; exit 6' TERM
(trap 'echo child; exit' TERM; echo ready; while :; do sleep 0.02; done) &
while :; do sleep 0.02; done
"""

WRAPPER = """\
(trap 'echo heard; read line < $1; echo saved; exit' TERM
 echo ready; while :; do sleep 0.02; done) &
wait
"""
"""Ends with TERM at once; what it has started takes its time."""

LEAVES_ONE_BEHIND = """\
import subprocess, sys
wait = ['sh', '-c', 'read line < "$1"; echo ' + sys.argv[2], 'sh', sys.argv[1]]
left = subprocess.Popen(wait, start_new_session=True)
print('the trainer is done', left.pid, sep='\\n', flush=True)
"""
"""Starts a process that leaves the group, holds the output open and waits at a gate."""


def test_term_is_what_ends_a_process(rig: TrainingRig):
    training = rig.start("sleep", "1000")
    training.started()
    rig.terminate()
    assert training.exited() == -signal.SIGTERM


def test_a_process_may_end_in_order_when_it_is_terminated(rig: TrainingRig):
    training = rig.start(*shell(OBEYS))
    training.started()
    training.wait_for_line("ready")
    rig.terminate()
    assert training.exited() == 3
    assert training.lines[-1] == "saved"


def test_term_goes_to_all_processes_of_the_group(rig: TrainingRig):
    training = rig.start(*shell(CHILD_AND_PARENT))
    training.started()
    training.wait_for_line("ready")
    rig.terminate()
    assert training.exited() == 6
    assert {"child", "parent"} <= set(training.lines)


def test_a_process_that_ignores_term_is_killed_when_the_grace_time_is_over(rig: TrainingRig):
    training = rig.start(*shell(IGNORES))
    training.started()
    training.wait_for_line("ready")
    rig.terminate(grace=0.5)
    assert training.exited() == -signal.SIGKILL
    assert "heard" in training.lines
    assert training.signals == ["SIGTERM", "SIGKILL"]


def test_a_process_that_ignores_term_has_all_of_the_grace_time(rig: TrainingRig, gate):
    training = rig.start(*shell(f"{IGNORES_UNTIL} exit 6", gate.path))
    training.started()
    training.wait_for_line("ready")
    rig.terminate()
    training.wait_for_line("heard")
    gate.open()
    assert training.exited() == 6
    assert training.signals == ["SIGTERM"]


def test_a_process_that_is_terminated_twice_is_killed_at_once(rig: TrainingRig):
    training = rig.start(*shell(IGNORES))
    training.started()
    training.wait_for_line("ready")
    rig.terminate()
    training.wait_for_line("heard")
    rig.terminate()
    assert training.exited() == -signal.SIGKILL


def test_what_a_wrapper_has_started_has_the_grace_time_too(rig: TrainingRig, gate):
    training = rig.start(*shell(WRAPPER, gate.path))
    training.started()
    training.wait_for_line("ready")
    rig.terminate()
    training.wait_for_line("heard")
    gate.open()
    assert training.exited() == -signal.SIGTERM
    assert training.lines[-1] == "saved"
    assert training.signals == ["SIGTERM"]


def test_without_a_process_there_is_nothing_to_terminate(rig: TrainingRig):
    rig.terminate()
    rig.terminate()
    training = rig.start("echo", "here")
    training.started()
    assert training.exited() == 0


def test_a_process_is_terminated_by_its_own_order_and_not_by_that_of_the_last_one(rig: TrainingRig):
    for _ in range(2):
        training = rig.start(*shell(IGNORES))
        pid = training.started()
        training.wait_for_line("ready")
        rig.terminate()
        training.wait_for_line("heard")
        assert runs(pid)
        rig.terminate()
        assert training.exited() == -signal.SIGKILL


# What it leaves behind


def name_in_the_end(training: Training, pid: int) -> bool:
    assert training.end is not None
    return any(one.startswith(f"process {pid} (") for one in training.end.left)


@pytest.mark.parametrize("output", ["", ">/dev/null 2>&1"])
def test_what_a_process_leaves_behind_at_its_own_end_is_named_and_goes_on(
    rig: TrainingRig, gate, output
):
    script = f"(read line < $1; echo late) {output} & echo $!; exit 5"
    training = rig.start(*shell(script, gate.path))
    training.started()
    assert training.exited() == 5
    left = int(training.lines[0])
    assert name_in_the_end(training, left)
    assert runs(left)
    gate.open()
    assert ends(left)


def test_the_keeper_takes_the_output_of_what_is_left_behind_until_its_end(
    rig: TrainingRig, gate, tmp_path
):
    training = rig.start(
        *shell("(read line < $1; seq 100000) & echo $!", gate.path), store=tmp_path
    )
    training.started()
    assert training.exited() == 0
    assert runs(training.keeper)
    gate.open()
    assert ends(int(training.lines[0]))
    assert ends(training.keeper)
    assert (tmp_path / "output.log").read_text().endswith("\n99999\n100000\n")


def test_one_that_has_left_the_session_is_named_too(rig: TrainingRig, gate):
    training = rig.start(*python(LEAVES_ONE_BEHIND, gate.path, "late"))
    training.started()
    assert training.exited() == 0
    assert training.lines[0] == "the trainer is done"
    assert name_in_the_end(training, int(training.lines[1]))
    gate.open()


def test_the_output_of_one_that_ends_soon_after_is_told(rig: TrainingRig):
    training = rig.start(*shell("(sleep 0.2; echo late) & echo done"))
    training.started()
    assert training.exited() == 0
    assert training.lines == ["done", "late"]
    assert training.end is not None
    assert training.end.left == ()
