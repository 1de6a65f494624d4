"""The system's processes, and a signal to one of them. Linux tells in ``/proc``, others do not."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from actors.proc import Process, process

if TYPE_CHECKING:
    from collections.abc import Container, Iterable


def every_process() -> dict[int, Process]:
    """All processes by their numbers; none where the system does not tell."""
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return {}
    return {pid: found for pid in numbers if (found := process(pid)) is not None}


def descendants(known: dict[int, Process], roots: Iterable[int]) -> dict[int, Process]:
    """The processes ``roots`` and all that they have started, as far as those are theirs."""
    children: dict[int, list[int]] = {}
    for one in known.values():
        children.setdefault(one.parent, []).append(one.pid)
    found: dict[int, Process] = {}
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid in known and pid not in found:
            found[pid] = known[pid]
            waiting += children.get(pid, [])
    return found


def send(to: Process, number: int) -> None:
    """Send a signal to the very process ``to``, and never to one that has got its number.

    Raises ProcessLookupError when it is gone, PermissionError when it may not be signalled.
    """
    handle = _handle(to.pid)
    try:
        now = process(to.pid)
        if now is None or now.began != to.began:
            raise ProcessLookupError
        if handle is None:
            os.kill(to.pid, number)
        else:
            signal.pidfd_send_signal(handle, number)
    finally:
        if handle is not None:
            os.close(handle)


def _handle(pid: int) -> int | None:
    """A descriptor that stands for the process; None on a system that has none."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except (AttributeError, OSError):
        return None


def identity(pid: int) -> str:
    """What tells the process from every other one of this machine, also after a restart of it.

    Empty when there is no such process.
    """
    found = process(pid)
    if found is not None:
        return f"{_boot()} {pid} {found.began}" if found.lives else ""
    if os.path.exists("/proc/self/stat"):
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return str(pid)


def namespace() -> str:
    """In which numbers this process's are counted: a container has its own; empty if not told."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def reap(children: Iterable[Process], *, but: Container[int]) -> None:
    """Wait for those of this process's ``children`` that have ended, each by its number."""
    for child in children:
        if child.state == "Z" and child.parent == os.getpid() and child.pid not in but:
            try:
                os.waitpid(child.pid, os.WNOHANG)
            except ChildProcessError:
                pass


def become_subreaper() -> bool:
    """Have what this process's descendants leave behind become its children; Linux alone can."""
    try:
        import ctypes

        set_child_subreaper = 36
        return int(ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, 1, 0, 0, 0)) == 0
    except (ImportError, OSError, AttributeError):
        return False
