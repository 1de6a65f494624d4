"""A run whose worker was killed: another worker goes on with it, and it is whole."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from actors.worker import PlanError, list_runs, parse
from tests.support.journals import messages_of
from tests.support.processes import ends, python, runs, shell
from tests.support.running_worker import PAGE, RunningWorker
from tests.support.trainer_process import trainer
from tests.support.waiting import settled


def the_run(folder: Path) -> Path:
    """The folder of the only run."""
    (run,) = folder.iterdir()
    return run


def exit_of(run: Path) -> dict:
    """How its training has ended."""
    assert settled((run / "exit.json").exists)
    return json.loads((run / "exit.json").read_text())


def output_of(run: Path) -> list[str]:
    """The training's lines, as the run has them."""
    return [
        line
        for message in messages_of(run / "run.jsonl")
        if message["event"] == "output"
        for line in message["lines"]
    ]


def test_a_run_has_a_folder_with_its_journal_its_output_and_its_end(folder):
    with RunningWorker("--no-page", "--", *shell("echo trained; exit 3")) as worker:
        assert worker.ends() == 3
        assert worker.leaves_nothing()
    run = the_run(folder)
    assert (run.stat().st_mode & 0o777) == 0o700
    assert (run / "output.log").read_text() == "trained\n"
    assert exit_of(run)["code"] == 3
    assert output_of(run) == ["trained"]
    assert messages_of(run / "run.jsonl")[-2]["exit_code"] == 3
    assert not (run / "live.json").exists()


def test_while_it_runs_it_says_where_its_worker_is(folder, gate):
    with RunningWorker("--port", "0", "--", *shell("read line < $1", gate.path)) as worker:
        link = worker.link()
        worker.wait_for("training started")

        def live() -> dict:
            return json.loads((the_run(folder) / "live.json").read_text())

        assert settled(lambda: "control_address" in live())
        assert (live()["pid"], live()["link"]) == (worker.pid, link)
        assert live()["control_address"].startswith("tcp://127.0.0.1:")
        assert ((the_run(folder) / "live.json").stat().st_mode & 0o777) == 0o600
        gate.open()
        assert worker.ends() == 0


def test_what_was_written_while_nobody_listened_and_the_exit_code_are_found(folder, gate):
    script = "echo before; read line < $1; echo meanwhile; echo 'ValueError: no skeleton'; exit 9"
    with RunningWorker("--no-page", "--", *shell(script, gate.path)) as worker:
        worker.wait_for("before")
        pid = worker.training()
        worker.kill()
        gate.open()
        assert ends(pid)
        assert exit_of(the_run(folder))["code"] == 9
        with RunningWorker("--no-page", "--adopt=last", ports=()) as other:
            assert other.ends() == 9, other.output
        assert other.output.index("this run has ended:") < other.output.index("meanwhile")
        assert "going on with the training" not in other.output
        assert other.output.index("before") < other.output.index("meanwhile")
        assert "exit code 9: ValueError: no skeleton" in other.output
    assert output_of(the_run(folder)) == ["before", "meanwhile", "ValueError: no skeleton"]


def test_a_training_that_lives_is_gone_on_with_to_its_end(folder, gate):
    steps = ("send:3", "print:before", f"read:{gate.path}", "send:4", "leave", "exit:6")
    with RunningWorker("--no-page", "--", *trainer(*steps)) as worker:
        worker.wait_for("before")
        pid = worker.training()
        journal = the_run(folder) / "run.jsonl"  # what the worker holds beside it is lost with it
        assert settled(lambda: journal.read_text().count("batch_end") == 3)
        worker.kill()
        assert runs(pid)
        with RunningWorker("--no-page", "--adopt", "1", ports=()) as other:
            other.wait_for(f"going on with the training (process {pid})")
            other.wait_for("the trainer has connected")
            gate.open()
            assert other.ends() == 6, other.output
        assert worker.leaves_nothing()
    assert other.count("received by the client, with the earlier part") == 7
    assert 4 <= other.count("received from the trainer by this worker") <= 7
    sent = [
        message
        for message in messages_of(the_run(folder) / "run.jsonl")
        if message["what"] != "__meta__"
    ]
    assert len(sent) == 7
    numbers = [
        json.loads(line)["sequence"]
        for line in (the_run(folder) / "run.jsonl").read_text().splitlines()
    ]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_link_is_found_behind_the_earlier_part(folder, gate):
    script = "seq -f 'line %g' 3000; read line < $1"
    with RunningWorker("--no-page", "--", *shell(script, gate.path)) as worker:
        worker.wait_for("line 3000")
        journal = the_run(folder) / "run.jsonl"  # else the rest of them would come as new output
        assert settled(lambda: "line 3000" in journal.read_text())
        worker.kill()
        for options, ends_with in (
            (("--adopt=last",), "going on with the training"),
            (("--replay=last",), "the run is shown until Ctrl-C"),
        ):
            with RunningWorker(*PAGE, *options, ports=()) as other:
                link, last = other.link(), other.wait_for(ends_with)
                if options == ("--adopt=last",):
                    gate.open()
                else:
                    other.interrupt()
                assert other.ends() == 0, other.output
            behind = other.output.partition("line 3000\n")[2]
            assert link in behind, other.output
            assert last in behind, other.output
            is_replay = "watch and stop it" not in other.output
            assert is_replay == (options == ("--replay=last",))
        assert worker.leaves_nothing()
    events = messages_of(the_run(folder) / "run.jsonl")
    (taken,) = [event for event in events if event["event"] == "worker"]
    assert taken["process"] != worker.pid


def test_a_training_that_was_adopted_is_cancelled_as_any_other(folder, tmp_path):
    with RunningWorker("--no-page", "--", *shell("echo ready; sleep 600 & wait")) as worker:
        worker.wait_for("ready")
        pid = worker.training()
        worker.kill()
        with RunningWorker("--no-page", "--adopt=last", ports=()) as other:
            other.wait_for("going on with the training")
            other.interrupt(signal.SIGTERM)
            assert other.ends() == 143, other.output
        assert not runs(pid)
        assert worker.leaves_nothing()
    assert exit_of(the_run(folder))["cancelled"]


def test_a_run_that_another_worker_runs_is_left_to_it(folder, gate):
    with RunningWorker("--no-page", "--", *shell("echo ready; read line < $1", gate.path)) as one:
        one.wait_for("ready")
        with RunningWorker("--no-page", "--adopt=last", ports=()) as other:
            assert other.ends() == 2
        assert "is being written by another worker" in " ".join(other.output.split())
        gate.open()
        assert one.ends() == 0


def test_an_exit_that_nobody_has_written_is_unknown_and_never_waited_for(folder, gate):
    with RunningWorker("--no-page", "--", *shell("echo ready; read line < $1", gate.path)) as one:
        one.wait_for("ready")
        pid = one.training()
        kept = the_run(folder) / "keeper.json"
        assert settled(kept.exists)
        keeper = json.loads(kept.read_text())["keeper_pid"]
        one.kill()
        os.kill(keeper, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        assert ends(pid)
        with RunningWorker("--no-page", "--adopt=last", ports=()) as other:
            assert other.ends() == 1, other.output
        assert "nobody knows with which exit code" in " ".join(other.output.split())


def test_a_training_on_a_file_system_without_sockets_is_followed_by_its_files(folder, gate):
    script = "echo before; read line < $1; echo after; exit 7"
    with RunningWorker("--no-page", "--", *shell(script, gate.path)) as worker:
        worker.wait_for("before")
        pid = worker.training()
        worker.kill()
        (the_run(folder) / "keeper.sock").unlink()
        with RunningWorker("--no-page", "--adopt=last", ports=()) as other:
            other.wait_for(f"going on with the training (process {pid})")
            other.interrupt(signal.SIGTERM)
            other.wait_for("cannot be reached: this worker cannot have it signal the training")
            assert runs(pid)
            gate.open()
            assert other.ends() == 7, other.output
    assert output_of(the_run(folder)) == ["before", "after"]


EPOCHS = """\
import pathlib, sys
models = pathlib.Path(sys.argv[1]) / "models"
models.mkdir()
print("ready", flush=True)
open(sys.argv[2]).readline()
rows = "".join(f"{number},0.{number + 1},0.2\\n" for number in range(3))
(models / "training_log.csv").write_text("epoch,train_loss,val_loss\\n" + rows + "3,0.5")
(models / "best.ckpt").write_text("")
"""


def test_epochs_that_nobody_heard_of_are_read_from_the_trainers_own_log(folder, gate, tmp_path):
    options = ("--no-page", "--checkpoints", str(tmp_path))
    with RunningWorker(*options, "--", *python(EPOCHS, str(tmp_path), gate.path)) as worker:
        worker.wait_for("ready")
        pid = worker.training()
        worker.kill()
        gate.open()
        assert ends(pid)
        exit_of(the_run(folder))
        with RunningWorker("--no-page", "--adopt=last", ports=()) as other:
            assert other.ends() == 0, other.output
    assert re.search(r"epoch 3: loss 0\.30*  val 0\.20*, as the trainer's own log", other.output)
    assert "the newest checkpoint is" in other.output
    read = [
        message
        for message in messages_of(the_run(folder) / "run.jsonl")
        if message["event"] == "epoch"
    ]
    assert [epoch["epoch"] for epoch in read] == [0, 1, 2]  # the fourth row is not whole


def test_runs_are_listed_and_shown_again_by_their_names(folder):
    with RunningWorker("--no-page", "--", "echo", "trained") as worker:
        assert worker.ends() == 0
        assert worker.leaves_nothing()
    with RunningWorker("--runs", ports=()) as listed:
        assert listed.ends() == 0
    line = next(line for line in listed.output.splitlines() if the_run(folder).name in line)
    assert line.split()[:1] == ["1"]
    assert "finished" in line
    assert "echo trained, on " in listed.output
    with RunningWorker("--no-page", "--replay=last", ports=()) as again:
        assert again.ends() == 0
    assert "the trainer has ended with exit code 0" in again.output


def test_a_run_that_is_not_there_says_so(folder):
    with RunningWorker("--no-page", "--adopt=last", ports=()) as worker:
        assert worker.ends() == 2
    shown = " ".join(worker.output.split())
    assert f"there is no run last in {folder}: none is kept there yet" in shown


def test_a_list_without_runs_says_so(folder, capsys):
    options = parse(["--runs"])
    assert list_runs(options) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"runs in {folder}"
    assert second.startswith("no run is kept there yet")


def test_a_file_is_no_folder_of_runs(folder):
    folder.write_text("of somebody's")
    with pytest.raises(PlanError, match="is no folder"):
        list_runs(parse(["--runs"]))


def test_what_is_to_be_kept_nowhere_is_kept_nowhere(folder):
    with RunningWorker("--no-page", "--no-record", "--", "echo", "trained") as worker:
        assert worker.ends() == 0
    assert "trained" in worker.output
    assert not folder.exists()


def test_old_runs_go(folder, gate):
    for number in range(2):
        with RunningWorker("--no-page", "--", "echo", str(number)) as worker:
            assert worker.ends() == 0
            assert worker.leaves_nothing()
    old, newer = sorted(folder.iterdir())
    command = shell("read line < $1", gate.path)
    with RunningWorker("--no-page", "--runs-kept", "2", "--", *command) as worker:
        assert settled(lambda: not old.exists())
        gate.open()
        assert worker.ends() == 0
    assert len(list(folder.iterdir())) == 2
    assert (newer / "output.log").read_text() == "1\n"
