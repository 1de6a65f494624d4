"""The command line: what it is called, and what it says of wrong options."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from actors.worker import command_line, parse, plan_of
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--epochs", "many"), "--epochs: 'many' is not a number of epochs: 1 or more"),
        (("--epochs", "1.5"), "'1.5' is not a number of epochs"),
        (("--grace", "soon"), "--grace: 'soon' is not a number of seconds: 0 or more"),
        (("--grace", "nan"), "'nan' is not a number of seconds"),
        (("--port", "http"), "--port: 'http' is not a port: 0 to 65535"),
        (("--control-encoding", "x"), "'x' is not an encoding: verbatim or sleap-nn"),
        (("--log-level", "loud"), "--log-level: invalid choice: 'loud'"),
        (("--jurnal", "x"), "there is no option --jurnal: is --journal meant?"),
        (("--nonsense",), "there is no option --nonsense; --help lists them"),
        (("--certfile",), "--certfile: expected one argument"),
    ],
)
def test_a_wrong_option_is_answered_in_words(capsys, arguments, says):
    with pytest.raises(SystemExit) as end:
        parse(list(arguments))
    assert end.value.code == 2
    usage, error = capsys.readouterr().err.splitlines()
    assert usage == "usage: run_worker.py [options] [-- command ...]"
    assert says in error
    assert "_" not in error.partition("error:")[2]  # no name of a function


@pytest.mark.parametrize(
    ("started_as", "name"),
    [
        ("/opt/venv/bin/sleap-progress-worker", "sleap-progress-worker"),
        ("run_worker.py", "run_worker.py"),
        ("/home/ada/run_worker.py", "run_worker.py"),
        ("-c", "run_worker.py"),
    ],
)
def test_it_calls_itself_by_the_name_that_it_was_started_under(
    monkeypatch, capsys, started_as, name
):
    monkeypatch.setattr(sys, "argv", [started_as])
    for option in ("--version", "--help"):
        with pytest.raises(SystemExit):
            parse([option])
        shown = capsys.readouterr().out
        assert name in shown
        assert ({"sleap-progress-worker", "run_worker.py"} - {name}).pop() not in shown
    command_line.greet(parse([]))
    assert capsys.readouterr().out.startswith(f"{name} ")


def test_the_console_script_says_its_own_name():
    script = Path(sys.executable).with_name("sleap-progress-worker")
    done = subprocess.run(
        [script, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout.startswith("sleap-progress-worker ")


def test_on_windows_the_worker_refuses_at_once_in_one_line():
    script = "import sys; sys.platform = 'win32'; import run_worker; sys.exit(run_worker.main())"
    done = subprocess.run(
        [sys.executable, "-c", script, "--", "true"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "error: the worker runs on Linux and macOS: on Windows, use WSL (wsl --install)\n"
    )


@pytest.mark.parametrize(("level", "shown"), [("warning", False), ("info", True)])
def test_the_tables_at_the_end_come_with_the_log_level(level, shown):
    assert plan_of(parse(["--no-page", "--no-record", "--log-level", level])).has_tables is shown
