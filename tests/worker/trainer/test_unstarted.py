"""Commands that the system does not start: why, and what to do."""

import subprocess
from pathlib import Path

import pytest

from actors.worker.trainer.unstarted import Unstarted, why_not_started
from tests.support.disks import mounted
from tests.support.running_worker import PROGRAM, RunningWorker


def failure_of(*command: str) -> Unstarted:
    """Why the system does not start ``command``, from what it says itself."""
    try:
        subprocess.run(command, check=False, capture_output=True)
    except OSError as error:
        return why_not_started(command[0], error.errno or 0)
    raise AssertionError("it was started")


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Makes a file in the current folder."""
    monkeypatch.chdir(tmp_path)

    def make(name: str, content: bytes, mode: int = 0o755) -> str:
        Path(name).write_bytes(content)
        Path(name).chmod(mode)
        return f"./{name}"

    return make


def test_a_command_that_is_not_there_asks_for_the_environment():
    failure = failure_of("no-such-trainer")
    assert failure.cause == "there is no command no-such-trainer"
    assert failure.advice.startswith("is the environment activated?")
    assert failure_of("/none/such/trainer").cause == "there is no command /none/such/trainer"


def test_a_command_in_one_word_is_to_be_without_its_quotes():
    assert "leave out the quotes" in failure_of("sh -c true").advice


def test_a_file_of_this_folder_is_named_with_the_folder(file):
    file("train.py", b"print()\n")
    failure = failure_of("train.py")
    assert failure.cause == "there is no command train.py, but a file of that name in this folder"
    assert "./train.py" in failure.advice
    assert failure.advice.endswith("python train.py")


def test_a_file_that_may_not_be_executed_is_made_executable(file):
    failure = failure_of(file("train.sh", b"#!/bin/sh\n", 0o644))
    assert failure.cause == "./train.sh may not be executed"
    assert failure.advice.startswith("run: chmod +x train.sh")
    assert failure.advice.endswith("bash ./train.sh")


def test_a_folder_is_no_program(file, tmp_path):
    assert failure_of(str(tmp_path)).cause == f"{tmp_path} is a folder"


@pytest.mark.parametrize(
    ("content", "cause", "advice"),
    [
        (b"#!/none/python3\n", "the first line of ./train names /none/python3,", "environment"),
        (b"#!/bin/sh\r\n", "the lines of ./train end as on Windows", r"sed -i 's/\r$//' ./train"),
        (b"echo\n", "./train does not say what runs it", "#!/bin/sh"),
        (b"", "./train is empty", "became of it"),
        (b"\x7fELF" + bytes(60), "./train was built for another kind of machine", "install it"),
        (b"#!/etc/passwd\n", "the first line of ./train names /etc/passwd, which may not", "line"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(file, content, cause, advice):
    failure = failure_of(file("train", content))
    assert failure.cause.startswith(cause)
    assert advice in failure.advice


def test_a_link_to_what_is_gone_is_said(file):
    Path("link").symlink_to("gone")
    assert failure_of("./link").cause == "./link is a link to gone, which is not there"


def test_a_file_system_without_programs_is_said(tmp_path, file):
    folder = tmp_path / "noexec"
    folder.mkdir()
    with mounted(folder, "noexec,size=64k"):
        failure = failure_of(file("noexec/train", b"#!/bin/sh\n"))
    assert failure.cause == "the system does not allow that ./noexec/train is executed"
    assert "noexec" in failure.advice


def test_arguments_that_are_too_long_are_said():
    assert "longer than the system takes" in failure_of("true", "x" * 10_000_000).cause


@pytest.mark.parametrize("options", [("--no-page",), ("--no-gui",)], ids=["gui", "no-gui"])
def test_a_worker_says_what_to_do(options, file):
    command = file("train.sh", b"#!/bin/sh\n", 0o644)
    with RunningWorker(*options, "--", command, program=PROGRAM) as worker:
        assert worker.ends() == 2, worker.output
    output = " ".join(worker.output.split())
    assert "./train.sh cannot be started: [Errno 13] Permission denied" in output
    assert "run: chmod +x train.sh" in output
