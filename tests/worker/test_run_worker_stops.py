"""The complete worker as a process: Ctrl-C, signals, and what is left afterwards."""

import signal
import time

import pytest

from tests.support.processes import python, runs, shell
from tests.support.running_worker import AT_ONCE, PROGRAM, RunningWorker
from tests.support.waiting import settled

DEAF = """\
import sys, zmq
control = zmq.Context().socket(zmq.SUB)
control.subscribe('')
control.connect('tcp://127.0.0.1:' + sys.argv[1])
print('the trainer listens', flush=True)
while True:
    print('ignored:', control.recv_string(), flush=True)
"""
"""A trainer that takes every control message and obeys none."""

PRINTS = """\
import pathlib, sys
print('ready', flush=True)
open(sys.argv[1]).readline()
for _ in range(1000):
    print('x' * 1000, flush=True)
pathlib.Path(sys.argv[2]).touch()
"""
"""A trainer that writes more than a pipe holds, when the gate is opened."""

IGNORES_TERM = "trap 'echo heard' TERM; echo ready; while :; do sleep 0.02; done"


def test_ctrl_c_in_a_terminal_reaches_the_trainer_through_the_control_socket_alone():
    with RunningWorker("--no-page", "--epochs", "1000") as worker:
        worker.wait_for("epoch 1/1000")
        worker.ctrl_c()
        assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()
    assert "stopped early" in worker.output
    assert "the trainer has ended with exit code 0" in worker.output
    assert worker.count("train_end") == 1
    assert worker.count("epoch_end") == worker.count("epoch_begin") < 1000


def test_a_trainer_that_prints_outlives_a_worker_that_is_killed(tmp_path, gate):
    done = tmp_path / "done"
    with RunningWorker("--no-page", "--", *python(PRINTS, gate.path, str(done))) as worker:
        worker.wait_for("ready")
        worker.kill()
        gate.open()
        assert settled(done.exists)
        assert worker.leaves_nothing()


def test_a_terminal_that_goes_away_does_not_end_the_training():
    with RunningWorker("--no-page", "--epochs", "5") as worker:
        worker.wait_for("epoch 1/5")
        worker.interrupt(signal.SIGHUP)
        worker.wait_for("the training goes on")
        assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()
    assert worker.count("epoch_end") == 5


def test_ctrl_c_before_the_trainer_has_joined_stops_it_as_soon_as_it_has():
    with RunningWorker("--no-page", "--epochs", "1000") as worker:
        worker.wait_for("training started")
        worker.ctrl_c()
        assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()
    assert "stopped early" in worker.output
    assert worker.count("train_end") == 1


def test_a_second_ctrl_c_ends_a_trainer_that_has_taken_the_stop_and_ignores_it():
    with RunningWorker("--no-page", "--", *python(DEAF, "{control_port}")) as worker:
        worker.wait_for("the trainer listens")
        worker.ctrl_c()
        worker.wait_for('ignored: {"command": "stop"}')
        worker.ctrl_c()
        assert worker.ends() == 128 + signal.SIGTERM, worker.output
        assert worker.leaves_nothing()
    assert "the trainer was ended by SIGTERM" in worker.output


def test_a_third_ctrl_c_kills_a_trainer_that_ignores_term_too():
    with RunningWorker("--no-page", "--", *shell(IGNORES_TERM)) as worker:
        worker.wait_for("ready")
        worker.ctrl_c()
        worker.wait_for("not ready yet")
        worker.ctrl_c()
        worker.wait_for("heard")
        worker.ctrl_c()
        assert worker.ends() == 128 + signal.SIGTERM, worker.output
        assert worker.leaves_nothing()
    assert "SIGKILL has been sent" in worker.output


def test_a_trainer_that_ignores_term_is_killed_after_the_grace_time():
    with RunningWorker("--no-page", "--grace", "1", "--", *shell(IGNORES_TERM)) as worker:
        worker.wait_for("ready")
        worker.interrupt(signal.SIGTERM)
        worker.wait_for("heard")
        assert worker.ends() == 128 + signal.SIGTERM, worker.output
        assert worker.leaves_nothing()
    assert "the trainer was ended by SIGKILL" in worker.output


def test_what_the_trainer_leaves_behind_is_named_and_left_alone():
    with RunningWorker("--no-page", "--", *shell("sleep 1000 & echo left $!; exit 4")) as worker:
        left = int(worker.wait_for("left ").split()[1])
        assert worker.ends() == 4
        assert runs(left)
    assert f"still running: process {left} (sleep)" in " ".join(worker.output.split())


def test_a_terminated_worker_ends_the_embedded_trainer_and_shows_what_came():
    with RunningWorker("--no-page", "--epochs", "1000") as worker:
        worker.wait_for("epoch 1/1000")
        worker.interrupt(signal.SIGTERM)
        assert worker.ends() == 128 + signal.SIGTERM, worker.output
        assert worker.leaves_nothing()
    assert worker.count("from the trainer") == worker.count("by the client") > 40


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_gui_one_signal_ends_the_trainer(number):
    with RunningWorker("--no-gui", "--", *shell("echo ready; exec sleep 1000")) as worker:
        worker.wait_for("ready")
        worker.interrupt(number)
        assert worker.ends() == 128 + signal.SIGTERM, worker.output
        assert worker.leaves_nothing()


EARLY = [0.05 * 1.35**number for number in range(12)]
"""Seconds from the start of the process, through its imports, its start and its first epoch."""


@pytest.mark.parametrize("moment", EARLY)
def test_ctrl_c_at_an_early_moment_leaves_no_process(moment):
    with RunningWorker("--epochs", "1000", program=PROGRAM, variables=AT_ONCE) as worker:
        time.sleep(moment)  # the moment itself, not a wait for a result
        worker.ctrl_c()
        code = worker.ends()
        assert worker.leaves_nothing()
    # Before the worker is there to take it, Ctrl-C ends Python itself.
    assert code != 0 or "stopped early" in worker.output, worker.output


@pytest.mark.parametrize("moment", EARLY[::3])
def test_ctrl_c_again_and_again_leaves_no_process(moment):
    command = ("--", *shell(IGNORES_TERM))
    with RunningWorker(*command, program=PROGRAM, variables=AT_ONCE) as worker:
        time.sleep(moment)
        worker.interrupt_until_it_ends()
        assert worker.leaves_nothing()
