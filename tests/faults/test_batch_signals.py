"""What a batch system sends to every process of a job, and to the worker alone."""

import os
import signal
import subprocess
import sys
import time

import pytest

from actors.worker import parse
from actors.worker.keeper import ENDING
from tests.support.page_client import PageClient
from tests.support.processes import parent_of, python, runs, shell
from tests.support.running_worker import PAGE, PROGRAM, RunningWorker
from tests.support.waiting import settled

HANDLES = """\
import os, signal, sys
heard = []
for number in map(int, sys.argv[2].split(',')):
    signal.signal(number, lambda got, _: heard.append(got))
print('trainer', os.getpid(), flush=True)
open(sys.argv[1]).readline()
print('heard', len(heard), flush=True)
for _ in range(1000):
    print('x' * 1000, flush=True)
sys.exit(7)
"""
"""A trainer that handles signals, goes on, and writes more than a pipe holds."""

BATCH = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGHUP)

KEEPERS = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}
"""What a keeper outlives."""


def numbers(*signals: int) -> str:
    return ",".join(str(int(number)) for number in signals)


def trainer_of(worker: RunningWorker) -> int:
    return int(worker.wait_for("trainer ").split()[1])


@pytest.mark.parametrize("number", BATCH, ids=lambda number: number.name)
def test_a_signal_to_every_process_of_a_job_ends_nothing_where_the_trainer_handles_it(number, gate):
    with RunningWorker(*PAGE, "--", *python(HANDLES, gate.path, numbers(number))) as worker:
        with PageClient(worker.link(), "a-client") as client:
            trainer = trainer_of(worker)
            for process in (worker.pid, parent_of(trainer), trainer):
                os.kill(process, number)
            warning = client.wait_for_event("warning")
            gate.open()
            worker.wait_for("heard 1")
            assert worker.ends() == 7, worker.output
        assert worker.leaves_nothing()
    said = "the terminal is gone, the training goes on"
    if number != signal.SIGHUP:
        said = f"{number.name} has come: this worker does not end the training for it"
    assert warning["text"].startswith(said)


def test_no_signal_that_orders_nothing_ends_the_worker_and_none_but_kill_its_keeper(gate):
    with RunningWorker(
        "--no-page", "--", *python(HANDLES, gate.path, numbers(signal.SIGUSR1))
    ) as worker:
        trainer = trainer_of(worker)
        keeper = parent_of(trainer)
        for number in (*ENDING,) * 10:  # all at once, again and again
            os.kill(worker.pid, number)
        for number in KEEPERS:
            os.kill(keeper, number)
        worker.wait_for("SIGUSR2 has come")
        gate.open()
        worker.wait_for("heard 0")
        assert worker.ends() == 7, worker.output
        assert worker.leaves_nothing()


@pytest.mark.parametrize("moment", [0.05 * 1.6**number for number in range(8)])
def test_a_signal_at_an_early_moment_ends_nothing_once_the_worker_is_python(moment):
    with RunningWorker("--no-page", "--", *shell("exit 3"), program=PROGRAM) as worker:
        time.sleep(moment)  # the moment itself, not a wait for a result
        worker.interrupt(signal.SIGUSR1)
        code = worker.ends()
    # Before the first line of the worker's own it is Python's to handle.
    assert code == 3 or (code == -signal.SIGUSR1 and not worker.output), worker.output


def test_a_signal_that_is_a_stop_stops_and_never_cancels():
    with RunningWorker(
        "--no-page", "--stop-on", "USR1", "--stop-on", "SIGXCPU", "--epochs", "1000"
    ) as worker:
        worker.wait_for("epoch 1/1000")
        for number in (signal.SIGUSR1, signal.SIGXCPU, signal.SIGUSR1):
            worker.interrupt(number)
        assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()
    assert "stopped early after epoch" in worker.output
    assert "SIGTERM" not in worker.output
    assert worker.count("train_end") == 1


def test_a_signal_that_is_no_stop_stops_nothing():
    with RunningWorker("--no-page", "--stop-on", "USR1", "--epochs", "4") as worker:
        worker.wait_for("epoch 1/4")
        worker.interrupt(signal.SIGUSR2)
        assert worker.ends() == 0, worker.output
    assert worker.count("epoch_end") == 4
    assert "SIGUSR2 has come: this worker does not end the training" in worker.output


@pytest.mark.parametrize("name", ["NONE", "KILL", "STOP", "CHLD", "SEGV", "999"])
def test_what_cannot_be_a_stop_is_refused_by_name(name, capsys):
    with pytest.raises(SystemExit, match="2"):
        parse(["--stop-on", name])
    assert f"argument --stop-on: {name} " in capsys.readouterr().err


START = """\
import os, signal, sys
for number in map(int, filter(None, sys.argv[1].split(','))):
    signal.signal(number, signal.SIG_IGN)
blocked = list(map(int, filter(None, sys.argv[2].split(','))))
signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
    signal.signal(number, signal.SIG_DFL)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""Becomes a command that ignores some signals and blocks others."""

SHOW = ("grep", "^Sig[IB]", "/proc/self/status")


@pytest.mark.parametrize("options", [("--no-page",), ("--no-gui",)], ids=["gui", "no-gui"])
@pytest.mark.parametrize(
    ("ignored", "blocked"),
    [
        ((), ()),
        ((signal.SIGHUP,), ()),  # nohup
        ((signal.SIGINT, signal.SIGQUIT), ()),  # in the background of a script
        ((signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD, signal.SIGRTMIN), (signal.SIGUSR2,)),
    ],
)
def test_the_trainer_ignores_and_blocks_what_the_worker_was_started_to(options, ignored, blocked):
    start = (sys.executable, "-c", START, numbers(*ignored), numbers(*blocked))
    alone = subprocess.run((*start, *SHOW), capture_output=True, text=True, check=True).stdout
    with RunningWorker(*options, "--", *SHOW, under=start) as worker:
        assert worker.ends() == 0, worker.output
    assert _signals_in(worker.output) == _signals_in(alone)


def _signals_in(shown: str) -> dict[str, set[int]]:
    """Those that ``SHOW`` shows, but for two of glibc's own, which posix_spawn has ignored."""
    masks = (line.split() for line in shown.splitlines() if line.startswith("Sig"))
    return {
        name: {number for number in signal.valid_signals() if int(mask, 16) >> (number - 1) & 1}
        for name, mask in masks
    }


def test_a_worker_that_was_started_to_ignore_children_still_hears_of_their_end():
    start = (sys.executable, "-c", START, numbers(signal.SIGCHLD), "")
    for options in (("--no-page",), ("--no-gui",)):
        with RunningWorker(*options, "--", *shell("exit 9"), under=start) as worker:
            assert worker.ends() == 9, worker.output


def test_nohup_outlives_its_terminal_and_so_does_the_training(gate):
    start = (sys.executable, "-c", START, numbers(signal.SIGHUP), "")
    script = "echo trainer $$; read line < $1; exit 7"
    with RunningWorker("--no-page", "--", *shell(script, gate.path), under=start) as worker:
        trainer = trainer_of(worker)
        for process in (worker.pid, parent_of(trainer), trainer):
            os.kill(process, signal.SIGHUP)
        assert settled(lambda: runs(trainer))
        gate.open()
        assert worker.ends() == 7, worker.output
