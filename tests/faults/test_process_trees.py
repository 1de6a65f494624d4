"""What a training has started, and what becomes of it when the training ends or is ended."""

import asyncio
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from rich.console import Console

from actors.proc import process
from actors.worker import NO_THREADS, PlanError, Standalone, parse
from actors.worker.keeper.processes import send
from actors.worker.plan import Plan
from tests.support.changed_worker import changed
from tests.support.page_client import PageClient
from tests.support.processes import ends, is_zombie, parent_of, python, runs, shell
from tests.support.running_worker import PAGE, RunningWorker
from tests.support.waiting import settled

GUI, NO_GUI = ("--no-page",), ("--no-gui",)
"""With reports, and without; a page costs its import, and none is looked at."""

RANKS = """\
import os, signal, subprocess, sys, time
rank = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
rank += "print('rank', flush=True); time.sleep(1000)"
ranks = [subprocess.Popen([sys.executable, "-c", rank], start_new_session=True) for _ in range(2)]
print("leader", os.getpid(), *(rank.pid for rank in ranks), flush=True)
time.sleep(1000)
"""
"""Starts its ranks as torchrun does, each in a session of its own; they are deaf to TERM."""

DAEMON = """\
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("daemon", os.getpid(), flush=True)
        time.sleep(1000)
    os._exit(0)
os.wait()
time.sleep(1000)
"""
"""Starts a process that leaves the session and has no parent any more."""

SAVES = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "
SAVES += "print('ready', flush=True); time.sleep(1000)"
"""Catches TERM and ends with 0, as sleep-nn does."""


@pytest.mark.parametrize("options", [GUI, NO_GUI], ids=["gui", "no-gui"])
def test_no_rank_survives_a_cancel_whatever_its_session(options):
    with RunningWorker(*options, "--grace", "1", "--", *python(RANKS)) as worker:
        ranks = list(map(int, worker.wait_for("leader").split()[2:]))
        assert settled(lambda: worker.output.count("rank") == 2)
        worker.interrupt(signal.SIGTERM)
        assert worker.ends() == 143, worker.output
        assert not any(map(runs, ranks))
        assert worker.leaves_nothing()
    assert "still running" not in worker.output


@pytest.mark.parametrize("options", [GUI, NO_GUI], ids=["gui", "no-gui"])
def test_a_daemon_that_the_training_has_made_does_not_survive_a_cancel(options):
    with RunningWorker(*options, "--grace", "1", "--", *python(DAEMON)) as worker:
        daemon = int(worker.wait_for("daemon").split()[1])
        worker.interrupt(signal.SIGTERM)
        assert worker.ends() == 143, worker.output
        assert not runs(daemon)
        assert worker.leaves_nothing()


def test_the_number_of_a_leader_is_nobody_elses_as_long_as_its_ranks_are_being_ended():
    with RunningWorker("--no-page", "--grace", "1000", "--", *python(RANKS)) as worker:
        leader, *ranks = map(int, worker.wait_for("leader").split()[1:])
        assert settled(lambda: worker.output.count("rank") == 2)
        worker.interrupt(signal.SIGTERM)
        assert ends(leader)
        assert all(map(runs, ranks))
        assert is_zombie(leader)
        worker.interrupt(signal.SIGINT)  # the terminal's stop finds a cancel under way
        worker.wait_for("the training is being ended already")
        worker.interrupt(signal.SIGTERM)  # again: KILL at once
        assert worker.ends() == 143, worker.output
        assert worker.leaves_nothing()


def test_a_process_that_has_got_a_number_since_is_not_signalled():
    with subprocess.Popen(("sleep", "1000")) as innocent:
        known = process(innocent.pid)
        assert known is not None
        with pytest.raises(ProcessLookupError):
            send(known._replace(began=known.began - 1), signal.SIGKILL)
        assert innocent.poll() is None
        send(known, signal.SIGTERM)
        assert innocent.wait() == -signal.SIGTERM


def test_what_ran_before_the_worker_took_over_its_process_is_left_alone():
    script = 'sleep 1000 >/dev/null 2>&1 & echo "before $!"; exec "$@"'
    for options in (GUI, NO_GUI):
        under = ("sh", "-c", script, "sh")
        command = shell("echo ready; exec sleep 1000")
        with RunningWorker(*options, "--", *command, under=under) as worker:
            before = int(worker.wait_for("before").split()[1])
            worker.wait_for("ready")
            worker.interrupt(signal.SIGTERM)
            assert worker.ends() == 143, worker.output
            assert runs(before)


# Whom it may not signal


def without_kill(*command: str) -> tuple[str, ...]:
    """``command``, which may signal no other user's process."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can be somebody else")
    return ("setpriv", "--bounding-set=-kill", "--inh-caps=-kill", *command)


@pytest.mark.parametrize("options", [PAGE, NO_GUI], ids=["gui", "no-gui"])
def test_a_training_of_another_user_that_cannot_be_cancelled_is_a_refusal_and_goes_on(
    options, gate
):
    Path(gate.path).chmod(0o666)
    Path(gate.path).parent.chmod(0o755)
    other = ("setpriv", "--reuid=65534", "--clear-groups")
    command = ("sh", "-c", f'echo trainer $$; exec 3< {gate.path}; exec "$@"', "sh")
    script = "echo ready; read line <&3; exit 7"
    with RunningWorker(
        *options, "--", *command, *other, *shell(script), under=without_kill()
    ) as worker:
        trainer = int(worker.wait_for("trainer ").split()[1])
        worker.wait_for("ready")
        if options == PAGE:
            with PageClient(worker.link(), "a-client") as client:
                client.send("JOB_CANCEL")
                refusal = client.wait_for_event("control", step="refused")
                assert f"process {trainer}" in refusal["text"]
                assert "belongs to another user" in refusal["text"]
                client.wait_for(lambda: client.states[-2:] == ["cancelling", "waiting"])
        else:
            worker.interrupt(signal.SIGTERM)
            worker.wait_for("belongs to another user")
        assert runs(trainer)
        gate.open()
        assert worker.ends() == 7, worker.output


# Process 1 of a container


def container() -> tuple[str, ...]:
    command = ("unshare", "--fork", "--pid", "--mount-proc", "--kill-child")
    if subprocess.run((*command, "true"), capture_output=True, check=False).returncode:
        pytest.skip("no container can be made here")
    return command


ORPHANS = """\
for number in 1 2 3; do (sleep 0.1 &) ; done
echo ready
exec sleep 1000
"""


@pytest.mark.parametrize("options", [GUI, NO_GUI], ids=["gui", "no-gui"])
def test_as_process_1_it_takes_no_zombie_for_alive(options):
    with RunningWorker(*options, "--", *shell(ORPHANS), under=container()) as worker:
        worker.wait_for("ready")
        (inside,) = children_of(worker.pid)
        os.kill(inside, signal.SIGTERM)
        assert worker.ends() == 143, worker.output
    assert "SIGKILL" not in worker.output


@pytest.mark.parametrize("options", [GUI, NO_GUI], ids=["gui", "no-gui"])
def test_as_process_1_it_reaps_what_others_leave_behind(options, gate):
    script = "echo ready; read line < $1; exit 7"
    with RunningWorker(*options, "--", *shell(script, gate.path), under=container()) as worker:
        worker.wait_for("ready")
        (inside,) = children_of(worker.pid)
        enter = ("nsenter", "--target", str(inside), "--pid")
        orphan = "(sh -c 'exec sleep 0.1' & echo $!)"
        subprocess.run((*enter, "sh", "-c", orphan), check=True, capture_output=True)
        assert settled(lambda: not zombies_of(inside))
        gate.open()
        assert worker.ends() == 7, worker.output


def test_where_the_system_tells_of_no_process_a_training_runs_and_is_cancelled(gate):
    blind = ("unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh")
    if subprocess.run((*blind, "true"), capture_output=True, check=False).returncode:
        pytest.skip("no place without /proc can be made here")
    script = "echo ready; read line < $1; exit 7"
    with RunningWorker("--no-page", "--", *shell(script, gate.path), under=blind) as worker:
        worker.wait_for("ready")
        gate.open()
        assert worker.ends() == 7, worker.output
    assert "still running" not in worker.output
    with RunningWorker(
        "--no-page", "--", *shell("echo ready; exec sleep 1000"), under=blind
    ) as worker:
        worker.wait_for("ready")
        worker.interrupt(signal.SIGTERM)
        assert worker.ends() == 143, worker.output
    assert "SIGKILL" not in worker.output
    assert "still running" not in worker.output


def test_a_run_in_a_container_is_kept_and_listed_as_one_that_lives(gate, tmp_path):
    where = ("--no-page", "--runs-folder", str(tmp_path / "runs"))
    command = shell("echo ready; read line < $1; exit 5", gate.path)
    with RunningWorker(*where, "--", *command, under=container()) as inside:
        inside.wait_for("ready")
        (run,) = (tmp_path / "runs").iterdir()
        with RunningWorker("--runs", "--runs-folder", str(tmp_path / "runs")) as other:
            assert other.ends() == 0, other.output
        (row,) = [line for line in other.output.splitlines() if line.endswith(run.name)]
        assert " runs " in row
        with RunningWorker(*where, f"--adopt={run.name}") as other:
            assert other.ends() == 2, other.output
        assert "lives in another container" in " ".join(other.output.split())
        with RunningWorker(*where, "--runs-kept", "1", "--", "true") as other:
            assert other.ends() == 0, other.output
        assert (run / "run.jsonl").exists()
        gate.open()
        assert inside.ends() == 5, inside.output


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return list(map(int, text.split()))


def zombies_of(pid: int) -> list[int]:
    return [child for child in children_of(pid) if not runs(child)]


# How a cancel ends


def test_a_cancelled_run_exits_143_although_the_trainer_exits_0_and_both_are_said():
    with (
        RunningWorker(*PAGE, "--", *python(SAVES)) as worker,
        PageClient(worker.link(), "a-client") as client,
    ):
        worker.wait_for("ready")
        client.send("JOB_CANCEL")
        state = client.wait_for_event("state", state="cancelling")
        ended = client.wait_for_event("ended")
        assert worker.ends() == 143, worker.output
    assert (ended["outcome"], ended["exit_code"]) == ("cancelled", 0)
    assert "ended with exit code 0" in ended["text"]
    assert "143" in ended["text"]
    clock = next(e for e in client.events if e["event"] == "clock")
    assert abs(state["kill_at"] - clock["time"] - 15) < 600


def test_the_grace_time_is_15_seconds():
    assert parse(["--", "true"]).grace == 15.0


# What cannot be waited for


def test_a_file_system_that_does_not_answer_holds_up_no_end(gate, tmp_path):
    options = ("--no-page", "--checkpoints", str(tmp_path), "--", *shell("echo trained; exit 3"))
    with RunningWorker(*options, program=changed(hung=gate.path)) as worker:
        assert worker.ends() == 3, worker.output
    assert "trained" in worker.output
    assert "checkpoint" not in worker.output


@pytest.mark.parametrize("name", ["checkpoints", "live-file"])
def test_a_thread_that_cannot_be_started_ends_no_training(name, tmp_path):
    options = ("--no-page", "--checkpoints", str(tmp_path), "--", *shell("echo trained; exit 3"))
    with RunningWorker(*options, program=changed(threadless=name)) as worker:
        assert worker.ends() == 3, worker.output
    assert "trained" in worker.output


def test_where_the_worker_gets_no_thread_nothing_is_started_and_that_is_said(tmp_path):
    started = tmp_path / "started"
    options = ("--no-page", "--", *shell("touch $1", str(started)))
    with RunningWorker(*options, program=changed(threadless="signals")) as worker:
        assert worker.ends() == 2, worker.output
    assert f"error: {NO_THREADS}" in worker.output
    assert "Traceback" not in worker.output
    assert not started.exists()


def test_a_worker_that_gets_too_few_threads_to_begin_says_what_to_do(monkeypatch):
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def begin() -> None:
        Standalone(Plan(), console=Console(), errors=Console())

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(PlanError, match="raise the limit"):
        asyncio.run(begin())


@pytest.mark.parametrize("count", [6, 7, 8, 12])
@pytest.mark.parametrize("options", [("--no-page",), ("--no-gui",)])
def test_where_the_system_gives_few_threads_it_is_said_in_one_line(options, count, tmp_path):
    started = tmp_path / "started"
    command = ("--", *shell("touch $1", str(started)))
    with RunningWorker(*options, *command, program=changed(threads=count)) as worker:
        code = worker.ends()
    assert code == (0 if started.exists() else 2), worker.output
    assert started.exists() or worker.output.count("error: ") == 1, worker.output
    assert "Traceback" not in worker.output
    assert " ERROR " not in worker.output


# The worker fails


@pytest.mark.parametrize("options", [GUI, NO_GUI], ids=["gui", "no-gui"])
def test_a_worker_whose_own_actor_crashes_leaves_the_training_alone_and_names_it(
    options, gate, tmp_path
):
    done = tmp_path / "done"
    script = "echo trainer $$; read line < $1; seq 100000; echo > $2"
    command = shell(script, gate.path, str(done))
    program = changed(broken=int(signal.SIGUSR2))
    with RunningWorker(*options, "--", *command, program=program) as worker:
        trainer = int(worker.wait_for("trainer ").split()[1])
        keeper = parent_of(trainer)
        worker.interrupt(signal.SIGUSR2)
        assert ends(worker.pid)
        assert runs(trainer)
        assert options == NO_GUI or runs(keeper)
        gate.open()
        assert settled(done.exists)
        assert worker.ends() == 70, worker.output
    assert_is_named(worker, trainer, with_its_run=options == GUI)


def assert_is_named(worker: RunningWorker, trainer: int, *, with_its_run: bool) -> None:
    """The worker has named the training that it left."""
    shown = " ".join(worker.output.split())
    assert f"the training goes on without this worker: process {trainer}" in shown
    if with_its_run:
        assert "its output goes to" in shown
        assert "run_worker.py --adopt=" in shown


# Somebody sends it away


@pytest.mark.parametrize("options", [PAGE, NO_GUI], ids=["gui", "no-gui"])
def test_a_worker_that_gets_quit_leaves_the_training_alone_and_names_it(options, gate, tmp_path):
    done = tmp_path / "done"
    script = "trap '' PIPE; echo trainer $$; read line < $1; echo later; echo > $2"
    with RunningWorker(*options, "--", *shell(script, gate.path, str(done))) as worker:
        trainer = int(worker.wait_for("trainer ").split()[1])
        if options == PAGE:
            worker.wait_for("watch and stop it at")
        worker.interrupt(signal.SIGQUIT)
        assert ends(worker.pid)
        assert runs(trainer)
        gate.open()
        assert settled(done.exists)
        assert worker.ends() == 131, worker.output
    assert_is_named(worker, trainer, with_its_run=options == PAGE)
    assert "error" not in worker.output


def test_a_training_that_was_left_is_gone_on_with(gate):
    script = "echo trainer $$; read line < $1; exit 5"
    with RunningWorker("--no-page", "--", *shell(script, gate.path)) as worker:
        trainer = int(worker.wait_for("trainer ").split()[1])
        worker.interrupt(signal.SIGQUIT)
        assert worker.ends() == 131, worker.output
        name = worker.output.partition("--adopt=")[2].split()[0]
        with RunningWorker("--no-page", f"--adopt={name}", ports=()) as other:
            other.wait_for(f"going on with the training (process {trainer})")
            gate.open()
            assert other.ends() == 5, other.output


def test_a_worker_whose_event_loop_stands_still_takes_quit_all_the_same(new_gate):
    stuck, gate = new_gate(), new_gate()
    command = (*PAGE, "--", *shell("echo trainer $$; read line < $1", gate.path))
    with RunningWorker(*command, program=changed(stuck=stuck.path)) as worker:
        trainer = int(worker.wait_for("trainer ").split()[1])
        worker.interrupt(signal.SIGUSR1)
        worker.wait_for("the event loop stands still")
        worker.interrupt(signal.SIGQUIT)
        assert worker.ends() == 131, worker.output
        assert runs(trainer)
        gate.open()
        assert ends(trainer)
    shown = " ".join(worker.output.split())
    assert f"the training goes on without this worker: process {trainer}" in shown


def test_a_worker_that_trains_nothing_ends_at_quit(tmp_path):
    journal = str(tmp_path / "run.jsonl")
    with RunningWorker("--no-page", "--journal", journal, "--", "true") as worker:
        assert worker.ends() == 0
    with RunningWorker(*PAGE, "--replay", journal) as worker:
        worker.wait_for("the run is shown until Ctrl-C")
        worker.interrupt(signal.SIGQUIT)
        assert worker.ends() == 131, worker.output
