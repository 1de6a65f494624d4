"""Programs of other users, behind a real sudo."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support import trainer_process
from tests.support.processes import ProcessGate, runs

USER = "nobody"
THIRD = "daemon"
"""Users that every system has."""

_SUDOERS = """\
mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d && echo "$1" > /etc/sudoers.d/test &&
chmod 440 /etc/sudoers.d/test && shift && exec "$@"
"""

_READS_ALL = "+dac_read_search"
"""What the user may do besides: the Python that runs the tests may be root's own."""


def sudo(*command: str, user: str = USER) -> tuple[str, ...]:
    """``command`` as ``user``; a password is not asked for."""
    return ("sudo", "-n", "-u", user, "--", *command)


def needs_sudo() -> None:
    """Skip the test where this process cannot be ``USER``."""
    if shutil.which("sudo") is None:
        pytest.skip("there is no sudo here")
    if os.geteuid() != 0:
        pytest.skip("sudo may ask for a password who is not root")
    if not _works(*sudo("true")):
        pytest.skip(f"sudo lets root not be {USER} here")


def by_sudoer(*command: str) -> tuple[str, ...]:
    """``command`` as ``USER``, who may be ``THIRD`` by sudo; the system's own rules stay."""
    rule = f"{USER} ALL=({THIRD}) NOPASSWD: ALL"
    own_rules = ("unshare", "--mount", "sh", "-c", _SUDOERS, "sh", rule)
    user = ("setpriv", f"--reuid={USER}", "--regid=65534", "--clear-groups")
    reads = (f"--inh-caps={_READS_ALL}", f"--ambient-caps={_READS_ALL}")
    found = (*own_rules, *user, *reads, *command)
    if not _works(*found, *sudo("true", user=THIRD)):
        pytest.skip(f"there is no place here in which {USER} may be {THIRD}")
    return found


class Place:
    """A folder for every user, and the processes that name it in their command lines."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack

    def trainer(self, *steps: str) -> tuple[str, ...]:
        """The command of a trainer that does ``steps``; for ``USER``, or ``THIRD``.

        Where no Python of these users can have ZeroMQ the test is skipped.
        """
        packages = Path(sysconfig.get_path("platlib"))
        for name in ("zmq", "pyzmq.libs"):
            if (packages / name).exists():
                shutil.copytree(packages / name, self.folder / name)
        program = self.folder / "trainer.py"
        shutil.copyfile(trainer_process.__file__, program)
        for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
            uses_it = f"import sys; sys.path[0] = {str(self.folder)!r}; import zmq"
            if all(_works(*sudo(python, "-c", uses_it, user=user)) for user in (USER, THIRD)):
                return (python, str(program), "{control_port}", "{progress_port}", *steps)
        pytest.skip(f"{USER} has no Python that fits to this one's ZeroMQ")

    def gate(self) -> ProcessGate:
        """A gate that anybody can wait at."""
        gate = ProcessGate(self.folder / "gate")
        self._stack.callback(gate.close)
        Path(gate.path).chmod(0o666)
        return gate

    def processes(self) -> list[int]:
        """Those that live."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and runs(int(folder.name)):
                try:
                    words = (folder / "cmdline").read_bytes()
                except OSError:
                    continue
                if os.fsencode(self.folder) in words:
                    found.append(int(folder.name))
        return found


@contextmanager
def place() -> Iterator[Place]:
    """A place; at its end its processes are killed."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        Path(name).chmod(0o777)
        made = Place(Path(name), stack)
        try:
            yield made
        finally:
            for pid in made.processes():
                os.kill(pid, signal.SIGKILL)


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
