"""A worker was killed, its training goes on, and somebody starts the same command again."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.addresses import fixed_addresses
from tests.support.journals import messages_of
from tests.support.processes import runs, shell
from tests.support.running_worker import PROGRAM, RunningWorker, at
from tests.support.trainer_process import trainer
from tests.support.waiting import settled

BEFORE, MEANWHILE = 3, 40


@pytest.fixture
def addresses() -> tuple[str, ...]:
    return at(*fixed_addresses(2))


def sent_in(run: Path) -> list[dict]:
    """The trainer's reports that are in its journal."""
    return [message for message in messages_of(run / "run.jsonl") if message["what"] != "__meta__"]


@contextmanager
def alone(addresses, folder, gate) -> Iterator[Path]:
    """The run of a training whose worker was killed, and which has reported since."""
    steps = (f"send:{BEFORE}", "print:before", f"read:{gate.path}", f"send:{MEANWHILE}")
    end = ("touch:" + str(folder.with_name("sent")), f"read:{gate.path}", "leave", "exit:6")
    command = trainer(*steps, *end)
    with RunningWorker("--no-page", "--", *command, ports=addresses) as worker:
        worker.wait_for("before")
        pid = worker.training()
        (run,) = folder.iterdir()
        # What the worker has not written when it is killed is lost with it.
        assert settled(lambda: (run / "run.jsonl").read_text().count("batch_end") == BEFORE)
        assert settled(lambda: "progress_address" in (run / "live.json").read_text())
        worker.kill()
        gate.open()
        yield run
        assert not runs(pid)


def is_whole(run: Path, gate, *options: str, ports: tuple[str, ...] = ()) -> None:
    """Go on with the training: not one of its reports has been lost, and its end is its own."""
    with RunningWorker("--no-page", *options, ports=ports) as worker:
        worker.wait_for("going on with the training")
        worker.wait_for("the trainer has connected")
        gate.open()
        assert worker.ends() == 6, worker.output
    assert len(sent_in(run)) == BEFORE + MEANWHILE


def test_the_refusal_names_the_run_and_costs_it_nothing(addresses, folder, gate):
    with alone(addresses, folder, gate) as run:
        steps = trainer("exit:0")
        for _ in range(2):
            with RunningWorker(
                "--no-page", "--", *steps, ports=addresses, program=PROGRAM
            ) as again:
                assert again.ends() == 2
            assert f"of the run {run.name}, reports to {addresses[3]}" in again.output
            assert f"--adopt={run.name} goes on with that training; --any-port" in again.output
        assert list(folder.iterdir()) == [run]
        is_whole(run, gate, "--adopt=last")


def test_with_any_port_it_runs_beside_it_and_costs_it_nothing(addresses, folder, gate):
    with alone(addresses, folder, gate) as run:
        steps = trainer("send:2", "leave", "exit:7")
        options = ("--any-port", "--no-page", "--", *steps)
        with RunningWorker(*options, ports=addresses, program=PROGRAM) as beside:
            assert beside.ends() == 7, beside.output
        assert f"of the run {run.name}, reports to" in beside.wait_for("free ports are used")
        assert len(list(folder.iterdir())) == 2
        is_whole(run, gate, "--adopt=last")  # that beside it is newer, and has not lost its worker


def test_adopt_without_a_name_is_meant_for_it(addresses, folder, gate):
    with alone(addresses, folder, gate) as run:
        is_whole(run, gate, "--adopt", ports=addresses)
    assert list(folder.iterdir()) == [run]


def test_what_has_never_begun_is_not_kept(folder, gate):
    with RunningWorker("--no-page", "--", "echo", "trained") as worker:
        assert worker.ends() == 0
    (run,) = folder.iterdir()
    with RunningWorker("--no-page", "--", "no-such-trainer") as mistyped:
        assert mistyped.ends() == 2
    with RunningWorker("--no-page", "--adopt") as waiting:
        waiting.wait_for("waiting for a trainer that runs already")
        waiting.interrupt(signal.SIGTERM)
        assert waiting.ends() == 130
    assert list(folder.iterdir()) == [run]
    with RunningWorker("--no-page", "--replay=last", ports=()) as again:
        assert again.ends() == 0
    assert "trained" in again.output


def test_a_start_that_is_refused_is_told_to_whom_it_is_to_be_told(addresses, folder, gate):
    with alone(addresses, folder, gate) as run:
        told = folder.with_name("told")
        options = ("--no-page", "--notify-command", f"cat > {told}", "--", *shell("exit 0"))
        with RunningWorker(*options, ports=addresses) as again:
            assert again.ends() == 2
        assert f"--adopt={run.name}" in told.read_text()
        assert "--replay" not in told.read_text()
        is_whole(run, gate, "--adopt=last")
