"""The trainer's actor runs a process and tells its output and its end."""

import os
import signal
from pathlib import Path

import pytest

from actors.worker.trainer import actor
from messages import ChildDown, TrainerLeft, TrainerNotStarted
from tests.support.processes import python, runs, shell
from tests.support.training_rig import TrainingRig
from tests.support.waiting import PATIENCE


@pytest.mark.parametrize("code", [0, 1, 255])
def test_the_exit_code_is_told(rig: TrainingRig, code):
    training = rig.start(*shell("exit $1", str(code)))
    training.started()
    assert training.exited() == code
    assert training.lines == []


def test_a_process_that_a_signal_ends_is_told_with_the_signal(rig: TrainingRig):
    training = rig.start(*shell("kill -USR1 $$"))
    training.started()
    assert training.exited() == -signal.SIGUSR1


def test_a_process_has_a_group_and_a_session_of_its_own(rig: TrainingRig, gate):
    training = rig.start(*shell("read line < $1", gate.path))
    pid = training.started()
    assert os.getpgid(pid) == pid
    assert os.getsid(pid) == pid
    gate.open()
    assert training.exited() == 0


def test_a_process_finds_its_input_at_its_end(rig: TrainingRig):
    training = rig.start("cat")
    training.started()
    assert training.exited() == 0


def test_output_and_errors_are_told_in_the_order_in_which_they_were_written(rig: TrainingRig):
    training = rig.start(*shell("echo one; echo two >&2; echo three; printf four >&2"))
    training.started()
    assert training.exited() == 0
    assert training.lines == ["one", "two", "three", "four"]


def test_a_line_is_told_while_the_process_runs(rig: TrainingRig, gate):
    training = rig.start(*shell("echo one; read line < $1", gate.path))
    pid = training.started()
    training.wait_for_line("one")
    assert runs(pid)
    gate.open()
    assert training.exited() == 0


def test_a_process_that_ends_at_once_is_told_to_its_last_line_each_time(rig: TrainingRig):
    for number in range(30):
        training = rig.start("printf", f"first\nlast {number}")
        training.started()
        assert training.exited() == 0
        assert training.lines == ["first", f"last {number}"]


def test_a_flood_of_output_is_told_whole_and_in_order(rig: TrainingRig):
    training = rig.start("seq", "200000")
    training.started()
    assert training.exited() == 0
    assert training.lines == [str(number) for number in range(1, 200_001)]


def test_what_is_not_captured_goes_where_the_workers_own_output_goes(rig: TrainingRig, capfdbinary):
    training = rig.start(*shell(r"printf 'a\rb\n\377'; echo error >&2"), capture=False)
    training.started()
    assert training.exited() == 0
    assert training.lines == []
    assert capfdbinary.readouterr() == (b"a\rb\n\xff", b"error\n")


def refusal(rig: TrainingRig, *command: str) -> str:
    event = rig.start(*command).events.get()
    assert isinstance(event, TrainerNotStarted), event
    return event.reason


def test_a_command_that_is_not_found_is_answered_with_the_reason(rig: TrainingRig):
    reason = refusal(rig, "/no/such/trainer", "--epochs", "3")
    assert "/no/such/trainer" in reason
    assert "No such file" in reason


def test_a_command_that_may_not_be_run_is_answered_with_the_reason(rig: TrainingRig, tmp_path):
    script = tmp_path / "train.sh"
    script.write_text("echo never", encoding="utf-8")
    script.chmod(0o600)
    reason = refusal(rig, str(script))
    assert str(script) in reason
    assert "Permission denied" in reason


def test_a_command_that_no_process_can_have_is_answered_with_the_reason(rig: TrainingRig):
    assert "null" in refusal(rig, "echo", "a\0b")


def test_after_a_command_that_was_not_found_another_one_can_be_started(rig: TrainingRig):
    refusal(rig, "/no/such/trainer")
    training = rig.start("echo", "here")
    training.started()
    assert training.exited() == 0
    assert training.lines == ["here"]


def test_a_second_process_is_refused_and_the_first_one_goes_on(rig: TrainingRig, gate):
    training = rig.start(*shell("read line < $1; echo still here", gate.path))
    pid = training.started()
    rig.start("echo", "second").events.expect(TrainerNotStarted(reason="a trainer runs already"))
    assert runs(pid)
    gate.open()
    assert training.exited() == 0
    assert training.lines == ["still here"]


def test_when_one_process_has_ended_the_next_one_can_be_started(rig: TrainingRig):
    for code in (3, 0, 4):
        training = rig.start(*shell("exit $1", str(code)))
        training.started()
        assert training.exited() == code


def test_the_end_of_the_actor_leaves_the_training_alone_and_says_so(rig: TrainingRig, tmp_path):
    training = rig.start(*shell("echo ready; exec sleep 1000"), store=tmp_path)
    pid = training.started()
    training.wait_for_line("ready")
    assert rig.trainer.stop(timeout=PATIENCE)
    rig.parent.expect(ChildDown(child="trainer", reason=None))
    rig.left.expect(TrainerLeft(pid=pid, folder=tmp_path))
    assert runs(pid)
    assert runs(training.keeper)


@pytest.mark.parametrize("capture", [True, False])
def test_a_training_that_is_being_started_is_named_too(
    rig: TrainingRig, capture, tmp_path, monkeypatch
):
    monkeypatch.setattr(actor, "LEAVING", PATIENCE)
    store = tmp_path if capture else None
    rig.start(*shell("exec sleep 1000"), capture=capture, store=store)
    assert rig.trainer.stop(timeout=2 * PATIENCE)
    left = rig.left.get()
    assert left.folder == store
    assert runs(left.pid)
    os.kill(left.pid, signal.SIGKILL)
    rig.parent.expect(ChildDown(child="trainer", reason=None))


@pytest.mark.parametrize("capture", [True, False])
def test_a_crash_of_the_actor_leaves_the_training_alone(rig: TrainingRig, capture):
    training = rig.start("sleep", "1000", capture=capture)
    pid = training.started()
    rig.trainer.tell("no message of the trainer's")  # type: ignore[arg-type]
    down = rig.parent.get()
    assert down.child == "trainer"
    assert down.reason is not None
    rig.left.expect(TrainerLeft(pid=pid, folder=None))
    assert runs(pid)


def test_the_end_of_the_actor_without_a_process_is_told(rig: TrainingRig):
    assert rig.trainer.stop(timeout=PATIENCE)
    rig.parent.expect(ChildDown(child="trainer", reason=None))


def test_the_process_works_in_the_folder_of_the_worker(rig: TrainingRig):
    training = rig.start(*python("import os; print(os.getcwd())"))
    training.started()
    assert training.exited() == 0
    assert training.lines == [str(Path.cwd())]
