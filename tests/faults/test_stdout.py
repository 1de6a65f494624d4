"""A stdout that is not there, or takes nothing: the training runs, and its exit code stands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.changed_worker import unchecked
from tests.support.processes import shell
from tests.support.running_worker import FREE_PORTS, PAGE, PROGRAM, PROMPT, RunningWorker
from tests.support.waiting import PATIENCE

WORKER = (sys.executable, *unchecked(PROMPT), *FREE_PORTS, "--no-record", "--no-page", "--")


def run(stdout: int, script: str, *, under: tuple[str, ...] = ()) -> tuple[int, str]:
    """The exit code of a worker with this stdout, and what it says on stderr."""
    done = subprocess.run(
        [*under, *WORKER, *shell(script)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=3 * PATIENCE,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


def test_a_stdout_on_a_full_disk_stops_no_training(tmp_path):
    with Path("/dev/full").open("wb") as full:
        code, errors = run(full.fileno(), f"touch {tmp_path}/trained; exit 5")
    assert code == 5
    assert (tmp_path / "trained").exists()
    assert "nothing is shown on stdout: " in errors


def test_a_stdout_that_nobody_reads_stops_no_training(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        code, errors = run(writing, f"touch {tmp_path}/trained; exit 5")
    finally:
        os.close(writing)
    assert code == 5
    assert (tmp_path / "trained").exists()
    assert "BrokenPipe" not in errors


def test_a_disk_that_fills_up_under_stdout_is_a_line_on_stderr(tmp_path):
    says_much = "i=0; while [ $i -lt 500 ]; do echo a line of output; i=$((i+1)); done; exit 5"
    with (tmp_path / "stdout").open("wb") as file:
        code, errors = run(file.fileno(), says_much, under=("prlimit", "--fsize=4096"))
    assert code == 5
    assert errors.count("nothing more is shown on stdout: ") == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("options", [(), ("--no-gui",)], ids=["gui", "no-gui"])
def test_one_that_is_closed_stops_no_training(closed, options, tmp_path):
    journal, trained = tmp_path / "run.jsonl", tmp_path / "trained"
    worker = (*WORKER[:-1], *options, *(() if options else ("--journal", str(journal))), "--")
    script = "echo said; echo said >&2; cat; touch $1; exit 5"
    command = (*worker, *shell(script, str(trained)))
    code = subprocess.run(
        shell(f'exec "$@" {closed}', *command),
        stdin=subprocess.DEVNULL,
        timeout=3 * PATIENCE,
        check=False,
    ).returncode
    assert code == 5
    assert trained.exists()
    if not options:
        entries = [json.loads(line)["message"] for line in journal.read_text().splitlines()]
        assert sum("said" in entry and '"output"' in entry for entry in entries) >= 1
        assert any('"ended"' in entry and "exit code 5" in entry for entry in entries)


def test_one_of_no_width_shows_all():
    options = ("--no-record", "--log-level", "info", "--", *shell("echo trained; exit 5"))
    with RunningWorker(*PAGE, *options, variables={"COLUMNS": "0"}, program=PROGRAM) as worker:
        assert worker.link()
        assert worker.ends() == 5
    assert "trained" in worker.output
    assert worker.count("received from the trainer") == 0
