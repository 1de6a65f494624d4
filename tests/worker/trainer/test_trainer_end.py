"""The trainer's actor ends a process, and what the process has started."""

import signal

import pytest

from actors.worker.trainer.actor import OUTPUT_TIMEOUT
from messages import TerminateTrainer
from tests.support.clock import ManualScheduler
from tests.support.processes import ends, python, runs, shell
from tests.support.training_rig import TrainingRig

# A shell runs a trap when its foreground command has ended: the shorter, the sooner.
OBEYS = "trap 'echo saved; exit 3' TERM; echo ready; while :; do sleep 0.02; done"
IGNORES = "trap 'echo heard' TERM; echo ready; while :; do sleep 0.02; done"
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
subprocess.Popen(wait, start_new_session=True)
print('the trainer is done', flush=True)
"""
"""Starts a process that leaves the group, holds the output open and waits at a gate."""

GRACE = TerminateTrainer().grace


def test_term_is_what_ends_a_process(rig):
    training = rig.start("sleep", "1000")
    training.started()
    rig.terminate()
    assert training.exited() == -signal.SIGTERM


def test_a_process_may_end_in_order_when_it_is_terminated(rig):
    training = rig.start(*shell(OBEYS))
    training.started()
    training.wait_for_line("ready")
    rig.terminate()
    assert training.exited() == 3
    assert training.lines[-1] == "saved"


def test_term_goes_to_all_processes_of_the_group(rig):
    training = rig.start(*shell(CHILD_AND_PARENT))
    training.started()
    training.wait_for_line("ready")
    rig.terminate()
    assert training.exited() == 6
    assert {"child", "parent"} <= set(training.lines)


def test_a_process_that_ignores_term_is_killed_when_the_grace_time_is_over(rig):
    training = rig.start(*shell(IGNORES))
    pid = training.started()
    training.wait_for_line("ready")
    rig.terminate()
    training.wait_for_line("heard")
    rig.clock.advance(GRACE - 0.01)
    assert rig.is_busy()
    assert runs(pid)
    rig.clock.advance(0.02)
    assert training.exited() == -signal.SIGKILL


def test_a_process_that_is_terminated_twice_is_killed_at_once(rig):
    training = rig.start(*shell(IGNORES))
    training.started()
    training.wait_for_line("ready")
    rig.terminate()
    training.wait_for_line("heard")
    rig.terminate()
    assert training.exited() == -signal.SIGKILL


def test_what_a_wrapper_has_started_has_the_grace_time_too(gate):
    rig = TrainingRig(None)
    training = rig.start(*shell(WRAPPER, gate.path))
    training.started()
    training.wait_for_line("ready")
    rig.terminate()
    training.wait_for_line("heard")
    gate.open()
    assert training.exited() == -signal.SIGTERM
    rig.close()
    assert training.lines[-1] == "saved"
    assert training.signals == ["SIGTERM"]


def test_without_a_process_there_is_nothing_to_terminate(rig):
    rig.terminate()
    rig.terminate()
    training = rig.start("echo", "here")
    training.started()
    assert training.exited() == 0


def test_a_process_is_terminated_by_its_own_order_and_not_by_that_of_the_last_one(rig):
    for _ in range(2):
        training = rig.start(*shell(IGNORES))
        pid = training.started()
        training.wait_for_line("ready")
        rig.terminate()
        training.wait_for_line("heard")
        assert runs(pid)
        rig.terminate()
        assert training.exited() == -signal.SIGKILL


class _LateClock(ManualScheduler):
    """Its timers fire although they are called off, as one does that is due just then."""

    class _Timer:
        def cancel(self) -> None:
            """Too late."""

    def after(self, delay, fire, /):
        super().after(delay, fire)
        return self._Timer()


def test_a_grace_time_that_is_over_too_late_does_not_kill_the_next_process(gate):
    rig = TrainingRig(_LateClock())
    first = rig.start("sleep", "1000")
    first.started()
    rig.terminate()
    assert first.exited() == -signal.SIGTERM
    second = rig.start(*shell("echo ready; read line < $1; exit 4", gate.path))
    second.started()
    second.wait_for_line("ready")
    rig.clock.advance(GRACE + OUTPUT_TIMEOUT)
    rig.is_busy()
    gate.open()
    returncode = second.exited()
    rig.close()
    assert returncode == 4


@pytest.mark.parametrize("output", ["", ">/dev/null 2>&1"])
def test_what_the_process_leaves_in_its_group_is_killed_at_its_end(rig, output):
    training = rig.start(*shell(f"sleep 1000 {output} & echo $!; exit 5"))
    training.started()
    assert training.exited() == 5
    assert ends(int(training.lines[0]))


def test_one_that_has_left_the_group_holds_up_the_end_for_the_output_timeout_alone(rig, gate):
    training = rig.start(*python(LEAVES_ONE_BEHIND, gate.path, "late"))
    training.started()
    training.wait_for_line("the trainer is done")
    rig.process_has_ended()
    rig.clock.advance(OUTPUT_TIMEOUT - 0.01)
    assert rig.is_busy()
    rig.clock.advance(0.02)
    assert training.exited() == 0
    gate.open()


def test_the_output_of_one_that_has_left_the_group_is_told_while_it_is_waited_for(rig, gate):
    training = rig.start(*python(LEAVES_ONE_BEHIND, gate.path, "late"))
    training.started()
    training.wait_for_line("the trainer is done")
    rig.process_has_ended()
    gate.open()
    assert training.exited() == 0
    assert training.lines == ["the trainer is done", "late"]


def test_the_end_of_a_former_output_is_not_taken_for_the_end_of_the_present_one(rig, new_gate):
    gate, begin, later = new_gate(), new_gate(), new_gate()
    first = rig.start(*python(LEAVES_ONE_BEHIND, gate.path, "of the first"))
    first.started()
    first.wait_for_line("the trainer is done")
    rig.process_has_ended()
    rig.clock.advance(OUTPUT_TIMEOUT)
    assert first.exited() == 0

    script = "import sys; open(sys.argv[3]).readline()\n" + LEAVES_ONE_BEHIND
    second = rig.start(*python(script, later.path, "of the second", begin.path))
    second.started()
    gate.open()
    first.wait_for_line("of the first")
    rig.only_one_output_is_read()
    begin.open()
    second.wait_for_line("the trainer is done")
    rig.process_has_ended()
    waits = rig.is_busy()
    later.open()
    assert waits, "the end was told before the output had ended"
    assert second.exited() == 0
    assert second.lines == ["the trainer is done", "of the second"]
