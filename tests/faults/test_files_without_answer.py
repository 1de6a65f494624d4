"""File systems that do not answer, and files that are none: whoever asks them is told so."""

import os
import threading
from pathlib import Path

import pytest

from tests.support.changed_worker import changed
from tests.support.processes import shell
from tests.support.running_worker import PAGE, RunningWorker


def error_of(*options: str, program: tuple[str, ...]) -> str:
    """What a worker with ``options`` says that ends with the code for what cannot be begun."""
    with RunningWorker(*options, program=program) as worker:
        assert worker.ends() == 2, worker.output
    output = " ".join(worker.output.split())
    assert "Traceback" not in output
    return output.partition("error: ")[2]


@pytest.mark.parametrize(
    "options", [("--adopt=last",), ("--replay=last",), ("--runs",), ("--export", "last", "a.html")]
)
def test_runs_on_a_file_system_that_does_not_answer_are_an_error(options, gate, tmp_path):
    where = ("--runs-folder", str(tmp_path / "runs"))
    says = error_of(*options, *where, program=changed(frozen=gate.path))
    assert says.startswith(f"the file system of {tmp_path / 'runs'} has not answered within")
    assert "see whether it is mounted" in says


@pytest.fixture
def pipe(tmp_path) -> Path:
    """A pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe.jsonl")
    return tmp_path / "pipe.jsonl"


@pytest.mark.parametrize("options", [("--replay", "PIPE"), ("--export", "PIPE", "run.html")])
def test_a_pipe_is_not_read_as_a_run(options, pipe):
    options = tuple(str(pipe) if option == "PIPE" else option for option in options)
    assert f"{pipe} is a pipe and not a file" in error_of(*options, program=changed())


def test_no_run_is_exported_to_a_pipe(pipe, tmp_path):
    journal = str(tmp_path / "run.jsonl")
    with RunningWorker("--no-page", "--no-record", "--journal", journal, "--", "true") as worker:
        assert worker.ends() == 0, worker.output
    says = error_of("--export", journal, str(pipe), program=changed())
    assert f"{pipe} is a pipe and not a file" in says


def test_a_certificate_that_does_not_come_is_a_warning(pipe):
    options = (*PAGE, "--certfile", str(pipe), "--", *shell("echo trained; exit 5"))
    with RunningWorker(*options, program=changed(patient=2.0)) as worker:
        assert worker.ends() == 5, worker.output
    output = " ".join(worker.output.split())
    assert f"the file system of {pipe} has not answered" in output
    assert "runs without a page" in output


def test_a_configuration_that_comes_through_a_pipe_is_left_to_the_training(tmp_path):
    pipe = tmp_path / "config.yaml"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("its own\n",))
    writer.start()
    try:
        with RunningWorker("--no-page", "--", "cat", str(pipe)) as worker:
            assert worker.ends() == 0, worker.output
        assert "its own" in worker.output
    finally:
        os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # nobody else has read it
        writer.join()
