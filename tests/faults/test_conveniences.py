"""A journal, a run's folder, a page: whatever is wrong with them, the training runs."""

import json
import os
import socket
from pathlib import Path

import pytest

from tests.support.changed_worker import changed
from tests.support.disks import mounted
from tests.support.processes import shell
from tests.support.running_worker import PAGE, PROGRAM, PROMPT, RunningWorker
from tests.support.trainer_process import trainer

TRAINS = ("--", *shell("echo trained; exit 5"))


def warning_of(
    *options: str, variables: dict[str, str] | None = None, program: tuple[str, ...] = PROMPT
) -> str:
    """What a worker says that trains with ``options``."""
    with RunningWorker(*options, *TRAINS, variables=variables, program=program) as worker:
        assert worker.ends() == 5, worker.output
        assert worker.leaves_nothing()
    output = " ".join(worker.output.split())
    assert "trained" in output
    assert "warning:" in output
    return output.partition("warning:")[2]


@pytest.mark.parametrize("adopts", [False, True])
@pytest.mark.parametrize(
    "content",
    [
        b'{"labels": ["fly"], "skeletons": [], "videos": ["fly.mp4"]}',
        b"PK\x03\x04" + b"\0" * 4_000 + b"\na checkpoint's tail",
        b"{}\n",
        b'{"sequence": 1, "time": 1, "message": "{}"}\n',
    ],
)
def test_a_file_that_is_something_else_is_left_as_it_is(content, adopts, tmp_path):
    wrong = tmp_path / "labels.json"
    wrong.write_bytes(content)
    options = ("--no-page", "--journal", str(wrong))
    if not adopts:
        assert "labels.json" in warning_of(*options)
        assert wrong.read_bytes() == content
    elif not content.endswith(b'"{}"}\n'):  # that one is a journal
        with RunningWorker(*options, "--adopt") as worker:
            worker.wait_for("is not a journal")
            worker.interrupt_until_it_ends()
        assert wrong.read_bytes() == content


def test_a_journal_that_cannot_be_written_is_a_warning(tmp_path):
    says = warning_of("--no-page", "--journal", str(tmp_path / "none" / "run.jsonl"))
    assert "the journal cannot be written" in says


def test_a_journal_that_has_no_positions_is_a_warning():
    terminal, other_end = os.openpty()
    try:
        says = warning_of("--no-page", "--journal", os.ttyname(other_end))
    finally:
        os.close(terminal)
        os.close(other_end)
    assert "is not a journal" in says


def test_a_journal_that_another_worker_writes_is_a_warning(tmp_path, gate):
    journal = ("--no-page", "--journal", str(tmp_path / "run.jsonl"))
    with RunningWorker(*journal, "--", *shell("echo ready; read line < $1", gate.path)) as one:
        one.wait_for("ready")
        assert "is being written by another worker" in warning_of(*journal)
        gate.open()
        assert one.ends() == 0


def test_a_journal_that_is_a_pipe_is_a_warning(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "it is a pipe" in warning_of("--no-page", "--journal", str(tmp_path / "pipe"))


def test_a_page_at_a_port_that_is_in_use_is_a_warning():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        says = warning_of("--port", port)
    assert f"cannot be served at 127.0.0.1:{port}" in says
    assert "runs without a page" in says


def test_with_a_certificate_that_cannot_be_read_there_is_no_page_in_the_clear(tmp_path):
    broken = tmp_path / "cert.pem"
    broken.write_text("no certificate")
    says = warning_of(*PAGE, "--certfile", str(broken))
    assert "runs without a page" in says
    assert "http://" not in says


def test_a_page_at_a_name_that_no_server_tells_is_a_warning(gate):
    says = warning_of(*PAGE, "--host", "gpu.example", program=changed(unresolved=gate.path))
    assert "cannot be served at gpu.example:0: no name server has told" in says
    assert "runs without a page" in says


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_machines_own_name_is_not_waited_for(host, gate):
    program = changed(unresolved=gate.path)
    with RunningWorker(*PAGE, "--host", host, *TRAINS, program=program) as worker:
        assert worker.ends() == 5, worker.output
        assert worker.leaves_nothing()
    assert "watch and stop it at http://" in worker.output


def test_a_page_that_does_not_come_is_a_warning(tmp_path):
    os.mkfifo(tmp_path / "cert.pem")
    certificate = ("--certfile", str(tmp_path / "cert.pem"))
    says = warning_of(*PAGE, *certificate, program=changed(hurried=0.2))
    assert "the page is not served in time: no answer has come within 0.2 s" in says
    assert "runs without a page" in says


@pytest.mark.parametrize("place", ["/proc/none", "/dev/null", "/dev/null/runs"])
def test_runs_that_cannot_be_kept_there_are_a_warning(place):
    assert "the run is not kept" in warning_of("--no-page", "--runs-folder", place)


def test_a_read_only_file_system_is_a_warning(tmp_path):
    with mounted(tmp_path, "ro,size=64k"):
        says = warning_of("--no-page", variables={"SLEAP_PROGRESS_RUNS": str(tmp_path / "runs")})
        assert "Read-only file system" in says


def test_a_file_system_with_little_room_is_not_written_to(tmp_path):
    with mounted(tmp_path, "size=1m"):
        says = warning_of("--no-page", variables={"SLEAP_PROGRESS_RUNS": str(tmp_path / "runs")})
        assert "GB is free on its disk" in says
        (run,) = (tmp_path / "runs").iterdir()
        assert not (run / "output.log").exists()
        assert json.loads((run / "exit.json").read_text())["code"] == 5


def again_of(folder: Path, *options: str) -> str:
    """How a run, which has a folder in ``folder``, is seen again, as its end says it."""
    where = ("--no-page", "--runs-folder", str(folder))
    with RunningWorker(*where, *options, "--", *trainer("send:300", "leave", "exit:0")) as worker:
        assert worker.ends() == 0, worker.output
    return " ".join(worker.output.partition("see it again")[2].partition("\n")[0].split())


def test_the_end_says_why_a_run_was_not_kept_and_where_it_is_otherwise(tmp_path):
    tiny, journal = tmp_path / "tiny", tmp_path / "run.jsonl"
    tiny.mkdir()
    with mounted(tiny, "size=1m"):
        says = again_of(tiny / "runs")
        assert says.startswith("it was not kept: less than ")
        assert says.endswith("is free on its disk")
        says = again_of(tiny / "runs", "--journal", str(journal))
        assert says == f"run_worker.py --replay {journal}"
    with mounted(tiny, "ro,size=1m"):
        assert "Read-only file system" in again_of(tiny / "runs")
    # Of a journal the beginning is there.
    with mounted(tiny, "size=8k"):
        says = again_of(tiny / "runs", "--journal", str(tiny / "run.jsonl"), "--no-record")
        assert says.startswith(("run_worker.py --replay", "it was not kept: "))
        assert "No space left on device" in says


def test_a_file_system_that_does_not_answer_holds_up_no_start(gate):
    program = changed(frozen=gate.path)
    with RunningWorker("--no-page", *TRAINS, program=program) as worker:
        assert worker.ends() == 5, worker.output
    output = " ".join(worker.output.split())
    assert "the run is not kept: the file system of" in output
    assert "has not answered within" in output


@pytest.mark.parametrize("page", [PAGE, ("--no-page",)], ids=["page", "no-page"])
def test_a_disk_that_does_not_answer_any_more_holds_up_no_end(page, gate, tmp_path):
    journal = str(tmp_path / "run.jsonl")
    told = f"cat >> {tmp_path / 'told'}"
    options = (*page, "--journal", journal, "--notify-command", told)
    with RunningWorker(*options, *TRAINS, program=changed(deaf=gate.path)) as worker:
        assert worker.ends() == 5, worker.output
    output = " ".join(worker.output.split())
    for what in ("the journal", "the run's folder"):
        assert output.count(f"{what} is not written any more: its disk has not answered") == 1
    assert "was not given all" not in output
    assert "JournalActor> has not ended" not in output
    assert output.count("may keep this process until that disk answers") == 1
    assert json.loads((tmp_path / "told").read_text())["event"] == "failed"


def test_a_folder_that_somebody_has_removed_is_trained_in_all_the_same(tmp_path):
    script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"'
    gone = shell(script, str(tmp_path / "gone"))
    with RunningWorker("--no-page", *TRAINS, program=PROGRAM, under=gone) as worker:
        assert worker.ends() == 5, worker.output
    assert "trained" in worker.output
