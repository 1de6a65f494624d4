"""A trainer behind a real sudo: another user's process, which is the training all the same."""

import signal
from collections.abc import Iterator

import pytest

from tests.support.other_users import THIRD, Place, by_sudoer, needs_sudo, place, sudo
from tests.support.processes import runs, shell
from tests.support.running_worker import PAGE, RunningWorker
from tests.support.waiting import settled

DEAF = "trap '' TERM"


@pytest.fixture
def for_all() -> Iterator[Place]:
    """A place for every user."""
    needs_sudo()
    with place() as made:
        yield made


def waiting(for_all: Place, before: str = ":") -> tuple[str, ...]:
    """The command of a training that says its process, and runs until it is ended."""
    script = f'{before}; echo "trainer $$"; read line < $1'
    return shell(script, for_all.gate().path)


def trainer_in(worker: RunningWorker) -> int:
    """The process behind sudo."""
    return int(worker.wait_for("trainer ").split()[1])


def test_it_ends_by_itself(for_all):
    steps = ("send:3", "print:trained", "leave", "exit:7")
    with RunningWorker("--no-page", "--", *sudo(*for_all.trainer(*steps))) as worker:
        assert worker.ends() == 7, worker.output
    assert worker.count("received from the trainer") == 3
    assert "trained" in worker.output
    assert "the trainer has connected" in worker.output
    assert "is not of this training" not in worker.output


@pytest.mark.parametrize("options", [("--no-page",), ("--no-gui",)], ids=["gui", "no-gui"])
@pytest.mark.parametrize("before", [":", DEAF], ids=["willing", "deaf"])
def test_nothing_of_it_survives_a_cancel(before, options, for_all):
    command = sudo(*waiting(for_all, before))
    with RunningWorker(*options, "--grace", "1", "--", *command) as worker:
        assert trainer_in(worker) in for_all.processes()
        worker.interrupt(signal.SIGTERM)
        assert worker.ends() == 143, worker.output
        assert not for_all.processes()
    assert "still running" not in worker.output


def test_nothing_of_it_survives_a_second_ctrl_c(for_all):
    with RunningWorker(*PAGE, "--", *sudo(*waiting(for_all))) as worker:
        assert trainer_in(worker) in for_all.processes()
        worker.ctrl_c()
        worker.wait_for("it receives this as soon as it is")
        assert for_all.processes()
        worker.ctrl_c()
        assert worker.ends() == 143, worker.output
        assert not for_all.processes()


# The worker is not root


def of_a_user(for_all: Place) -> tuple[str, ...]:
    """Where the worker of a user who is not root keeps its runs."""
    return ("--runs-folder", str(for_all.folder / "runs"))


def test_whom_the_worker_may_not_look_at_is_trusted(for_all):
    gate = for_all.gate()
    steps = ("send:3", f"read:{gate.path}", "send:4", "leave", "exit:7")
    command = sudo(*for_all.trainer(*steps), user=THIRD)
    options = ("--no-page", "--log-level", "debug", *of_a_user(for_all))
    with RunningWorker(*options, "--", *command, under=by_sudoer()) as worker:
        worker.wait_for("is trusted: its kinship is UNKNOWN")
        worker.wait_for("the trainer has connected")
        gate.open()
        assert worker.ends() == 7, worker.output
    assert worker.count("received from the trainer") == 7
    assert "is not of this training" not in worker.output


def test_a_cancel_reaches_it_through_sudo(for_all):
    command = sudo(*waiting(for_all), user=THIRD)
    options = ("--no-page", *of_a_user(for_all))
    with RunningWorker(*options, "--", *command, under=by_sudoer()) as worker:
        assert trainer_in(worker) in for_all.processes()
        worker.interrupt(signal.SIGTERM)
        assert worker.ends() == 143, worker.output
        assert settled(lambda: not for_all.processes())


def test_what_the_worker_may_not_kill_is_named(for_all):
    command = sudo(*waiting(for_all, DEAF), user=THIRD)
    options = ("--no-page", "--grace", "1", *of_a_user(for_all))
    with RunningWorker(*options, "--", *command, under=by_sudoer()) as worker:
        trainer = trainer_in(worker)
        worker.interrupt(signal.SIGTERM)
        assert worker.ends() == 143, worker.output
        assert runs(trainer)
    assert f"process {trainer} (sh)" in worker.output.partition("still running: ")[2]
