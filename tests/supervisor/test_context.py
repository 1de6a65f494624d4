"""A context of ZeroMQ is made only where the system gives the threads that it needs."""

import subprocess
import sys
import threading

import pytest

from messages import ReportingFailed
from tests.support.paths import ROOT
from tests.support.reporting import ask_start, start, stop

LIMITED = """\
import resource, sys, zmq
from pathlib import Path
from actors.supervisor.context import NoThreadsError, SessionContext
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[1]) * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    context = SessionContext()
except NoThreadsError as error:
    print(error)
    sys.exit(7)
context.zmq.socket(zmq.PUB).close()
context.terminate_at_once()
"""
"""Makes a context where so many MB of memory may be used more; a thread's stack takes 8."""


@pytest.mark.skipif(sys.platform != "linux", reason="of the others the limit is not known")
@pytest.mark.parametrize(("room", "given"), [(2, 0), (12, 1), (1000, None)])
def test_where_the_system_gives_no_threads_that_is_said_and_nothing_aborts(room, given):
    command = ("prlimit", f"--stack={8 * 1024 * 1024}", sys.executable, "-c", LIMITED, str(room))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == (0 if given is None else 7), done.stderr
    if given is not None:
        assert f"ZeroMQ needs 2 more threads, and the system gives {given}" in done.stdout


def test_a_start_without_threads_is_answered_and_the_next_one_works(new_supervisor, monkeypatch):
    supervisor = new_supervisor()
    begin = threading.Thread.start

    def begin_or_not(self):
        if self.name == "zmq-trial":
            raise RuntimeError("can't start new thread")
        begin(self)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", begin_or_not)
        failed = ask_start(supervisor)
    assert isinstance(failed, ReportingFailed)
    assert "raise the limit of processes (ulimit -u)" in failed.reason
    start(supervisor, "job-2")
    assert stop(supervisor, "job-2")
