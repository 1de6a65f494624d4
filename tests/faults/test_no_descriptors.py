"""The worker has run out of file descriptors."""

import resource
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.page_client import PageClient
from tests.support.processes import shell
from tests.support.running_worker import PAGE, RunningWorker
from tests.support.texts import reports
from tests.support.trainer_process import trainer
from tests.support.waiting import settled


def test_a_worker_that_may_open_nothing_more_goes_on_with_what_it_has(gate):
    steps = trainer("send:100", f"read:{gate.path}", "send:5000", "leave", "exit:9")
    with RunningWorker(*PAGE, "--", *steps) as worker:
        with PageClient(worker.link(), "a-client") as client:
            client.wait_for_reports(100)
            let_open(worker.pid, 0)
            refuse_a_visitor(worker)
            gate.open()
            assert client.wait_for_reports(5_100) == reports(5_100)
            assert worker.ends() == 9, worker.output
            assert client.wait_for_event("ended")["exit_code"] == 9
        assert worker.leaves_nothing()


def test_a_worker_that_may_open_files_again_lets_viewers_in_again(gate):
    steps = trainer("send:100", f"read:{gate.path}", "leave", "exit:9")
    with RunningWorker(*PAGE, "--", *steps) as worker:
        worker.wait_for("the trainer has connected")
        let_open(worker.pid, 0)
        refuse_a_visitor(worker)
        let_open(worker.pid, 100)
        with PageClient(worker.link(), "a-client") as client:
            assert client.wait_for_reports(100) == reports(100)
            gate.open()
            assert worker.ends() == 9, worker.output
        assert worker.leaves_nothing()


@pytest.mark.parametrize("files", [8, 16, 24])
def test_a_worker_that_may_open_too_few_files_to_start_says_so_and_starts_no_training(files):
    limit = ("prlimit", f"--nofile={files}")
    with RunningWorker(*PAGE, "--", *shell("echo never"), under=limit) as worker:
        # libzmq aborts where it cannot make what it needs for a socket.
        assert worker.ends() in (2, -signal.SIGABRT), worker.output
        assert worker.leaves_nothing()
    assert "Too many open files" in worker.output
    assert "never" not in worker.output


def refuse_a_visitor(worker: RunningWorker) -> None:
    """Visit the worker until it cannot take a connection, and leave again.

    What it had open for a moment when its files were counted leaves room for a visitor.
    """
    where = urlsplit(worker.link())
    with ExitStack() as visitors:

        def is_refused() -> bool:
            visitors.enter_context(socket.create_connection((where.hostname, where.port)))
            return "Too many open files" in worker.output

        assert settled(is_refused, every=0.05), worker.output


def let_open(pid: int, more: int) -> None:
    """From here on ``pid`` may open ``more`` files and no more than that."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = {int(link.name) for link in Path(f"/proc/{pid}/fd").iterdir()}
    # A number below the highest may be free.
    limit = max(used) + 1 + more if more else min(set(range(max(used) + 2)) - used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, hard))
