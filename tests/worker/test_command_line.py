"""The command line: what it is called, and what it says of wrong options."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from actors.worker import command_line, parse, plan_of
from tests.support.paths import ROOT
from tests.support.processes import python
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
        (("--ports", "3"), "there is no option --ports: is --port meant?"),
        (("--hots=x",), "there is no option --hots=x: is --host meant?"),
        (("--title", "x"), "there is no option --title; --help lists them"),
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
    ("arguments", "says"),
    [
        (("sleap-nn", "train"), "put -- before the training command: -- sleap-nn train"),
        (
            ("sleap-nn", "train", "--config-name", "x"),
            "put -- before the training command: -- sleap",
        ),
        (("--",), "no training command follows --"),
        (("--epochs", "0"), "'0' is not a number of epochs"),
        (("--replay", "x", "--", "true"), "--replay runs no training"),
        (("--adopt", "--", "true"), "--adopt starts no trainer"),
        (("--no-gui", "--journal", "x"), "--no-gui reports nothing"),
        (("--keyfile", "x"), "--keyfile needs --certfile"),
        (("--token", "short"), "a token has at least 16"),
        (("--token", "t" * 20, "--read-only-token", "t" * 20), "must differ"),
        (("--port", "99999"), "'99999' is not a port"),
        (("--keep-open", "--no-page"), "--keep-open keeps the page up"),
        (("--ice-server", "example.org"), "example.org is not an ICE server"),
        (("--grace", "-1"), "'-1' is not a number of seconds"),
    ],
)
def test_what_cannot_be_done_together_is_refused(capsys, arguments, says):
    with pytest.raises(SystemExit) as end:
        parse(list(arguments))
    assert end.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "word", ["{controlport}", "x={progress-port}", "{Control_Port}", "{controller_port}"]
)
def test_a_mistyped_placeholder_reaches_no_trainer(capsys, word):
    with pytest.raises(SystemExit) as end:
        parse(["--", "python", "train.py", word])
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert "in the command is not known: {control_port} and {progress_port} are filled in" in told


@pytest.mark.parametrize(
    "word",
    [
        "{control_port}",
        "x={progress_port}",
        "${progress_ports}",
        "{print $1}",
        '{"port": 9000}',
        "${x}",
        "{port}",
        "{}",
        "a{b,c}d",
    ],
)
def test_other_braces_are_the_commands_own(word):
    assert parse(["--", "python", "train.py", word]).command[-1] == word


def test_the_embedded_trainers_epochs_go_with_no_command(capsys):
    assert parse([]).epochs == 5
    assert parse(["--epochs", "3"]).epochs == 3
    with pytest.raises(SystemExit) as end:
        parse(["--epochs", "5", "--", "python", "train.py", "--epochs", "7"])
    assert end.value.code == 2
    assert "--epochs is of the embedded trainer: a command has an" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("typed", "script", "again"),
    [
        (".venv/bin/python", "run_worker.py", ".venv/bin/python run_worker.py"),
        (
            "python3",
            "/home/ada/a clone/run_worker.py",
            "python3 '/home/ada/a clone/run_worker.py'",
        ),
        ("python3", "/opt/venv/bin/sleap-progress-worker", "/opt/venv/bin/sleap-progress-worker"),
        ("python3", "-c", "run_worker.py"),
    ],
)
def test_what_is_to_be_typed_again_is_what_was_typed(monkeypatch, typed, script, again):
    monkeypatch.setattr(sys, "orig_argv", [typed, script])
    monkeypatch.setattr(sys, "argv", [script])
    assert command_line.invocation() == again


def test_a_command_on_the_path_is_typed_by_its_name(monkeypatch, tmp_path):
    script = tmp_path / "sleap-progress-worker"
    script.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert command_line.invocation() == "sleap-progress-worker"


def test_the_console_script_says_its_own_name():
    script = Path(sys.executable).with_name("sleap-progress-worker")
    done = subprocess.run(
        [script, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout.startswith("sleap-progress-worker ")


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What has become of a Python script that imports from the project."""
    return subprocess.run(
        python(script, *arguments),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_on_windows_the_worker_refuses_at_once_in_one_line():
    script = "import sys; sys.platform = 'win32'; import run_worker; sys.exit(run_worker.main())"
    done = run(script, "--", "true")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "error: the worker runs on Linux and macOS: on Windows, use WSL (wsl --install)\n"
    )


def test_no_heading_of_the_help_stands_twice(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    headings = re.findall(r"^(\w.*):$", capsys.readouterr().out, flags=re.MULTILINE)
    assert {"the page", "the link", "examples"} <= {*headings}
    assert len(headings) == len({*headings})


OLDER = "import sys; sys.version_info = (3, 9, 18, 'final', 0); import "


def test_an_older_python_is_named_and_what_to_start_it_with():
    done = run(OLDER + "run_worker")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: run_worker.py needs Python 3.11 or newer; this is 3.9.18\n"
        "  start it with the one that it was installed with: .venv/bin/python run_worker.py\n"
    )


def test_an_older_python_that_installs_it_is_named_and_what_to_do_instead():
    done = run(OLDER + "setup")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "error: this needs Python 3.11 or newer, and is installed with 3.9.18\n"
        "  make the environment with a newer one: python3.12 -m venv --clear .venv\n"
    )


@pytest.mark.parametrize("name", ["run_worker.py", "setup.py"])
def test_an_older_python_can_read_the_script_that_says_so(name):
    script = (ROOT / name).read_text()
    ast.parse(script, feature_version=(3, 6))
    assert "annotations" not in script.partition("sys.exit(")[0]  # which 3.6 does not know


def test_what_is_not_installed_is_installed_from_the_projects_folder():
    script = "import sys; sys.modules['rich'] = None; import run_worker; "
    script += "sys.exit(run_worker.main(['--no-page']))"
    done = run(script)
    assert done.returncode == 2
    assert "in the project's folder, python -m pip install '.[worker]'" in done.stderr


@pytest.mark.parametrize(("level", "shown"), [("warning", False), ("info", True)])
def test_the_tables_at_the_end_come_with_the_log_level(level, shown):
    assert plan_of(parse(["--no-page", "--no-record", "--log-level", level])).has_tables is shown
