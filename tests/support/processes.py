"""Processes as the tests see them: what runs, and what it is told to wait for."""

import os
import sys
from pathlib import Path

from tests.support.waiting import settled


def _stat(pid: int) -> list[str]:
    """What the system says of a process, from its state on; raises OSError if there is none."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()


def runs(pid: int) -> bool:
    """Whether the process lives; one that has ended and is not waited for yet does not."""
    try:
        return _stat(pid)[0] not in "ZX"
    except OSError:
        return False


def is_zombie(pid: int) -> bool:
    """Whether the process has ended and is not waited for yet."""
    return _stat(pid)[0] == "Z"


def ends(pid: int) -> bool:
    """Whether the process comes to its end."""
    return settled(lambda: not runs(pid))


def marked(mark: str) -> list[int]:
    """The processes that live with ``mark`` in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in environment and runs(int(folder.name)):
                found.append(int(folder.name))
    return found


class ProcessGate:
    """Where a process waits (``read line < path``) until the test opens it."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._descriptor = os.open(path, os.O_RDWR)  # a reader need not have come yet

    def open(self) -> None:
        """Let the one that waits go on."""
        os.write(self._descriptor, b"go\n")

    def close(self) -> None:
        os.close(self._descriptor)


def memory_of(pid: int) -> int:
    """Bytes that are resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def shell(script: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a shell script; its arguments are $1, $2 ..."""
    return ("sh", "-c", script, "sh", *arguments)


def python(script: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a Python script; its arguments are sys.argv[1:]."""
    return (sys.executable, "-c", script, *arguments)


def parent_of(pid: int) -> int:
    """The process that has started ``pid``, or has taken it over."""
    return int(_stat(pid)[1])
