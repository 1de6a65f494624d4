"""A context of ZeroMQ is made only where the system gives the threads and files that it needs."""

import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from actors.supervisor.context import LEFT
from messages import ReportingFailed
from tests.support.paths import ROOT
from tests.support.reporting import ask_start, start, stop

LIMITED = """\
import os, resource, sys, zmq
from pathlib import Path
from actors.supervisor.context import NotOpenedError, session_context
kind, room = sys.argv[1], int(sys.argv[2])
if kind == "memory":
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit, of = pages * resource.getpagesize() + room * 1024 * 1024, resource.RLIMIT_AS
else:
    limit, of = len(os.listdir("/proc/self/fd")) - 1 + room, resource.RLIMIT_NOFILE
resource.setrlimit(of, (limit, limit))
try:
    context = session_context()
except NotOpenedError as error:
    print(error)
    sys.exit(7)
for kind in (zmq.PUB, zmq.SUB):
    socket = context.socket(kind)
    socket.bind("tcp://127.0.0.1:*")
    socket.get_monitor_socket().close()
    socket.close()
context.end(None)
"""
"""Makes a context and its sockets where so many MB of memory may be used more, of which a thread's
stack takes 8, or so many files be opened more."""


def limited(kind, room):
    """That program, as it has ended."""
    command = ("prlimit", f"--stack={8 * 1024 * 1024}", sys.executable, "-c", LIMITED, kind)
    return subprocess.run((*command, str(room)), cwd=ROOT, capture_output=True, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="of the others it is not known what is open")
@pytest.mark.parametrize("files", [0, 1, 2, 3, 4, 8, 12, 15, 16, 40])
def test_where_the_system_gives_few_files_that_is_said_and_nothing_aborts(files):
    done = limited("files", files)
    assert done.returncode == (0 if files >= 16 else 7), done.stderr
    if files < 16:
        assert "ZeroMQ needs 16 more file descriptors: Too many open files" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="of the others the limit is not known")
@pytest.mark.parametrize(("room", "given"), [(2, 0), (12, 1), (1000, None)])
def test_where_the_system_gives_no_threads_that_is_said_and_nothing_aborts(room, given):
    done = limited("memory", room)
    assert done.returncode == (0 if given is None else 7), done.stderr
    if given is not None:
        assert f"ZeroMQ needs 2 more threads, and the system gives {given}" in done.stdout


@contextmanager
def refused(monkeypatch, name):
    """No thread called ``name`` can be started, as where the system gives no more of them."""
    begin = threading.Thread.start

    def begin_or_not(self):
        if self.name == name:
            raise RuntimeError("can't start new thread")
        begin(self)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", begin_or_not)
        yield


def test_a_start_without_threads_is_answered_and_the_next_one_works(new_supervisor, monkeypatch):
    supervisor = new_supervisor()
    with refused(monkeypatch, "trial"):
        failed = ask_start(supervisor)
    assert isinstance(failed, ReportingFailed)
    assert "raise the limit of processes (ulimit -u)" in failed.reason
    start(supervisor, "job-2")
    assert stop(supervisor, "job-2")


def test_a_stop_without_threads_is_answered_and_the_next_job_works(new_supervisor, monkeypatch):
    supervisor = new_supervisor()
    start(supervisor)
    with refused(monkeypatch, "zmq-term"):
        assert stop(supervisor)
    start(supervisor, "job-2")
    assert stop(supervisor, "job-2")
    LEFT.pop().term()
