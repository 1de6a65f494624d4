"""The complete worker as a process: what it shows, where it goes, and what cannot be shown."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from actors import ReporterSettings
from actors.worker import parse
from actors.worker.standalone import EXIT_BROKEN
from tests.support.changed_worker import changed
from tests.support.processes import shell
from tests.support.running_worker import COMMAND, FREE_PORTS, PAGE, PROMPT, RunningWorker
from tests.support.trainer_process import trainer
from tests.support.waiting import PATIENCE, settled

THREADS_OF_THE_WORKER = """\
parent=$PPID
grep -q 'worker/[k]eeper' /proc/$parent/cmdline && read _ _ _ parent _ < /proc/$parent/stat
cat /proc/$parent/task/*/comm
"""
"""The training is a child of the worker, or of its keeper.

The brackets keep the pattern from being found in the worker's own command line, where it stands.
"""


def test_each_report_is_shown_while_the_training_runs(gate):
    report = '{"event": "epoch_begin", "epoch": 0}', '{"event": "epoch_end", "epoch": 0}'
    steps = trainer(*(f"say:{r}" for r in report), f"read:{gate.path}", "leave")
    with RunningWorker("--no-page", "--", *steps) as worker:
        worker.wait_for("epoch 1: 0 batches")
        assert "has ended" not in worker.output
        gate.open()
        assert worker.ends() == 0, worker.output
    assert worker.count("by the client") == 2


def test_the_trainers_last_line_is_shown_before_the_tables():
    with RunningWorker("--no-page", "--epochs", "2") as worker:
        assert worker.ends() == 0, worker.output
    order = ["epoch 1/2: 20", "epoch 2/2: 20", "has ended with exit code 0", "The run", "Reports"]
    places = [worker.output.index(text) for text in order]
    assert places == sorted(places)
    assert worker.output.index("epoch 1: train loss") < worker.output.index("has ended")


@pytest.mark.parametrize(("reports", "warned"), [(2, 0), (3, 1), (28, 1)])
def test_reports_of_which_none_is_known_are_warned_of_once(reports, warned):
    said = ('say:{"epoch": 1, "loss": 1.0, "val_loss": 1.1}',) * reports
    with RunningWorker("--no-page", "--", *trainer(*said, "leave")) as worker:
        assert worker.ends() == 0, worker.output
    assert worker.output.count("warning: the trainer's reports have no known `event`") == warned


def test_reports_beside_known_ones_are_not_warned_of():
    said = ('say:{"event": "of its own"}',) * 2
    known = ('say:{"event": "train_begin"}',)
    with RunningWorker("--no-page", "--", *trainer(*said, *known, *said, "leave")) as worker:
        assert worker.ends() == 0, worker.output
    assert "no known `event`" not in worker.output


def test_reports_of_any_content_leave_the_tables_whole():
    reports = ["rubbish", '{"event": "[/]"}', '{"event": "\\ud800"}', '{"event": 3}']
    with RunningWorker(
        "--no-page", "--", *trainer(*(f"say:{r}" for r in reports), "leave")
    ) as worker:
        assert worker.ends() == 0, worker.output
    assert worker.count("received from the trainer") == 4
    assert worker.count("received by the client") == 4
    assert worker.count("[/]") == 1


def test_output_that_stdout_cannot_encode_does_not_end_the_show():
    with RunningWorker(
        "--no-page",
        "--",
        *shell("echo 'loss → 0.5'; echo last"),
        variables={"PYTHONIOENCODING": "ascii"},
    ) as worker:
        assert worker.ends() == 0, worker.output
    assert "last\n" in worker.output
    assert "the trainer has ended with exit code 0" in worker.output


@pytest.mark.parametrize(
    ("options", "goes_on"),
    [(("--no-page",), "echo one; sleep 0.1; echo two"), (("--no-gui",), "sleep 0.1")],
    ids=["gui", "no-gui"],
)
def test_a_reader_of_stdout_that_goes_away_does_not_end_the_training(
    gate, tmp_path, options, goes_on
):
    result = tmp_path / "result"
    script = f"echo ready; read line < $1; {goes_on}; echo trained > $2; exit 6"
    with subprocess.Popen(
        (
            sys.executable,
            *PROMPT,
            *FREE_PORTS,
            *options,
            "--",
            *shell(script, gate.path, str(result)),
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        while "ready" not in worker.stdout.readline():
            pass
        worker.stdout.close()
        gate.open()
        code = worker.wait(2 * PATIENCE)
    assert code == 6
    assert result.read_text() == "trained\n"


def test_without_gui_the_trainers_output_is_the_same_bytes():
    block = "one\\r\\ttwo [bold]\\033[31m \\377\\000 no end"
    script = f"printf '{block}'; printf 'error' >&2"
    done = subprocess.run(
        (*COMMAND, "--no-gui", "--", *shell(script)),
        capture_output=True,
        timeout=2 * PATIENCE,
        check=True,
    )
    assert b"one\r\ttwo [bold]\x1b[31m \xff\x00 no end" in done.stdout
    assert done.stderr == b"error"


@pytest.mark.parametrize(("options", "found"), [((), True), (("--no-gui",), False)])
def test_without_gui_and_only_then_nothing_of_zmq_is_made(options, found):
    with RunningWorker(*options, "--", *shell(THREADS_OF_THE_WORKER)) as worker:
        assert worker.ends() == 0, worker.output
    assert "python" in worker.output
    assert ("ZMQ" in worker.output) is found


def test_without_gui_the_embedded_trainer_trains_and_reports_nothing():
    with RunningWorker("--no-gui", "--epochs", "2") as worker:
        assert worker.ends() == 0, worker.output
    assert "epoch 1: train loss" in worker.output
    assert "Reports" not in worker.output


def test_without_gui_a_command_that_asks_for_ports_is_refused():
    with RunningWorker("--no-gui", "--", "echo", "never {control_port}") as worker:
        assert worker.ends() == 2
    assert "no ports to fill into the command" in worker.output
    assert "never" not in worker.output


@contextmanager
def on_a_terminal(*command: str, **variables: str) -> Iterator[tuple[Any, Callable[[], str]]]:
    """A process with ``command`` on a terminal of its own, and what it has written so far."""
    reading, writing = pty.openpty()
    chunks: list[bytes] = []

    def read() -> None:
        try:
            while chunk := os.read(reading, 4096):
                chunks.append(chunk)
        except OSError:
            pass  # a terminal that nobody writes to any more

    reader = threading.Thread(target=read)
    reader.start()
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    terminal = {"TERM": "xterm", "COLUMNS": "100", "LINES": "40", **variables}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=writing,
        env=environment | terminal,
    )
    try:
        yield process, lambda: b"".join(chunks).decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(writing)
        reader.join(PATIENCE)
        os.close(reading)


def test_on_a_terminal_each_epoch_has_a_bar_and_the_cursor_comes_back():
    command = (*COMMAND, *FREE_PORTS, "--epochs", "2", "--no-page")
    with on_a_terminal(*command) as (process, shown):
        assert process.wait(2 * PATIENCE) == 0, shown()
        assert settled(lambda: "\x1b[?25h" in shown())
    assert "epoch 2/2: 20 batches" in shown()
    assert "━" in shown()
    assert shown().rindex("\x1b[?25h") > shown().rindex("\x1b[?25l")


DEMO = (sys.executable, *changed(lasting=3600.0), *FREE_PORTS, *PAGE, "--epochs", "1")


def test_on_a_terminal_the_demos_page_stays_up_and_ctrl_c_ends_it_at_once():
    with on_a_terminal(*DEMO) as (process, shown):
        assert settled(lambda: "the page closes in 3" in shown(), 2 * PATIENCE), shown()
        link = re.search(r"watch and stop it at (http\S+?)#", shown())
        assert link is not None
        with urllib.request.urlopen(link[1], timeout=PATIENCE) as page:
            assert page.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(2 * PATIENCE) == 0, shown()
    order = ("has ended with exit code 0", "outcome", "with --keep-open it stays until Ctrl-C")
    places = [shown().index(text) for text in order]
    assert places == sorted(places), shown()
    assert shown().rindex("\x1b[?25h") > shown().rindex("\x1b[?25l")  # the cursor is back


@pytest.mark.parametrize("in_ci", [True, False], ids=["in CI", "in a pipe"])
def test_elsewhere_the_demo_ends_with_its_training(in_ci):
    if in_ci:
        with on_a_terminal(*DEMO, CI="true") as (process, shown):
            assert process.wait(2 * PATIENCE) == 0, shown()
    else:
        with RunningWorker(*PAGE, "--epochs", "1", program=changed(lasting=3600.0)) as worker:
            assert worker.ends() == 0, worker.output
            assert "the page closes in" not in worker.output


def test_debug_shows_this_programs_lines_and_all_those_of_its_libraries():
    """Whole, each on a line of its own."""
    shown = {}
    for level in ("debug", "all"):
        with RunningWorker("--log-level", level, "--no-page", "--epochs", "1") as worker:
            assert worker.ends() == 0, worker.output
        shown[level] = re.findall(
            # A library's warnings are shown at every level.
            r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?:DEBUG|INFO) ([\w.]+): (.+)",
            worker.output,
            re.MULTILINE,
        )
    rooms = {level: {name.partition(".")[0] for name, _ in shown[level]} for level in shown}
    assert rooms["debug"] == {"actors"}
    assert {"actors", "aiortc", "pykka"} <= rooms["all"]
    assert max(len(line) for _, line in shown["debug"]) > 100


@pytest.mark.parametrize(("level", "found"), [("warning", False), ("info", True)])
def test_the_log_level_decides_whether_the_phases_are_shown(level, found):
    with RunningWorker("--no-page", "--log-level", level, "--", "true") as worker:
        assert worker.ends() == 0, worker.output
    assert ("IDLE -> BINDING" in worker.output) is found


def test_a_trainer_that_a_signal_ends_gives_128_and_the_signal():
    with RunningWorker("--no-page", "--", *shell("kill -9 $$")) as worker:
        assert worker.ends() == 137
    assert "the trainer was ended by SIGKILL" in worker.output


def test_the_older_sleap_train_is_told_its_ports(tmp_path):
    program = tmp_path / "sleap-train"
    program.write_text('#!/bin/sh\necho "arguments $@"\n')
    program.chmod(0o700)
    with RunningWorker(
        "--no-page", "--", "sleap-train", "profile.json", path=str(tmp_path)
    ) as worker:
        assert worker.ends() == 0, worker.output
        listening = worker.wait_for("listening on").strip()
        words = worker.wait_for("arguments").split()[1:]
    assert words[:3] == ["profile.json", "--zmq", "--controller_port"]
    assert words[4] == "--publish_port"
    assert listening.endswith(f":{words[3]}")
    assert f":{words[5]}," in listening


def test_without_options_the_addresses_are_the_reporters_own():
    options = parse([])
    defaults = ReporterSettings()
    assert options.control_address == defaults.control_address == "tcp://127.0.0.1:9000"
    assert options.progress_address == defaults.progress_address == "tcp://127.0.0.1:9001"
    assert options.command == ()
    assert not options.no_gui


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a network of its own")
def test_without_a_network_a_command_still_runs_and_the_embedded_trainer_says_why_not():
    alone = ("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    if subprocess.run((*alone, "true"), capture_output=True, check=False).returncode:
        pytest.skip("a network of its own may not be made here")
    command = (*alone, sys.executable, *changed(impatient=1.0), *FREE_PORTS)
    arguments = {0: (), 9: ("--", "sh", "-c", "exit 9")}
    workers = {
        code: subprocess.Popen((*command, *more), stdout=subprocess.PIPE, text=True)
        for code, more in arguments.items()
    }
    outputs = {
        code: worker.communicate(timeout=3 * PATIENCE)[0] for code, worker in workers.items()
    }
    assert "no WebRTC connection" in outputs[0], outputs
    assert workers[0].returncode == EXIT_BROKEN
    assert workers[9].returncode == 9, outputs
