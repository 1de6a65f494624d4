"""Processes that connect to a reporter's sockets and are not started by it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import trainer_process
from tests.support.addresses import port_of
from tests.support.paths import ROOT
from tests.support.processes import ends, python
from tests.support.waiting import PATIENCE

NOBODY = 54321
"""The number of a user that is neither root nor whoever runs the tests."""

_AS_USER = """
import encodings.idna, os, sys
sys.path.insert(0, sys.argv[2])
import tests.support.trainer_process as trainer  # the user may not be allowed to read it
os.setuid(int(sys.argv[1]))
this = trainer.Trainer(*sys.argv[3:5])
for step in sys.argv[5:]:
    this.do(step)
"""

_LISTEN = """
import os, sys, zmq
file = open(sys.argv[2], "a")
if sys.argv[3:]: os.setuid(int(sys.argv[3]))
socket = zmq.Context().socket(zmq.SUB)
socket.subscribe("")
socket.connect(sys.argv[1])
while True:
    print(socket.recv_string(), file=file, flush=True)
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can be another user")


def trainer_at(control: str, progress: str, *steps: str) -> tuple[str, ...]:
    """The command of a trainer that does ``steps`` and connects to these addresses."""
    ports = (str(port_of(address)) for address in (control, progress))
    return (sys.executable, "-P", trainer_process.__file__, *ports, *steps)


def reporting_at(progress: str, *steps: str) -> tuple[str, ...]:
    """The command of a trainer that only reports: one report, if no steps are given."""
    return trainer_at(":1", progress, *(steps or ("send-every:1000",)))


def trainer_of_user(user: int, control: str, progress: str, *steps: str) -> tuple[str, ...]:
    """The same, of another user, for root; the addresses may be placeholders of a worker's."""
    ports = (a if a.startswith("{") else str(port_of(a)) for a in (control, progress))
    return python(_AS_USER, str(user), str(ROOT), *ports, *steps)


def listener_at(control: str, file: Path, *user: str) -> tuple[str, ...]:
    """The command of a program that writes what is published at ``control`` into ``file``."""
    return python(_LISTEN, control, str(file), *user)


@contextmanager
def child(*command: str) -> Iterator[int]:
    """The pid of a process that runs ``command``, started by this one and killed at the end."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.kill()


@contextmanager
def orphan(*command: str, folder: Path | None = None) -> Iterator[int]:
    """The same, of which this process is no ancestor; it runs in ``folder``."""
    launched = subprocess.run(
        ("setsid", "sh", "-c", '"$@" >/dev/null 2>&1 </dev/null & echo $!', "sh", *command),
        stdout=subprocess.PIPE,
        cwd=folder,
        timeout=PATIENCE,
        check=True,
    )
    pid = int(launched.stdout)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        assert ends(pid)
