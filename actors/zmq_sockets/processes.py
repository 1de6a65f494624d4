"""Whose a TCP socket is: what Linux tells below ``/proc``, and elsewhere psutil, if installed.

Functions that take some milliseconds, so they are not for an event loop's thread. Of other users'
processes the system often tells nothing but the user.
"""

from __future__ import annotations

import importlib
import ipaddress
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from actors import proc
from messages import Peer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

Address: TypeAlias = tuple[str, int]
"""A host's address and a port."""

_LISTEN: Final = "0A"
"""A listening socket's state in ``/proc/net/tcp``."""

_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - who listens there

BREATH: Final = 0.001
"""Seconds of a search at a stretch."""


class Ends(NamedTuple):
    """The addresses of both ends of a TCP connection."""

    peer: Address
    own: Address


@dataclass(frozen=True, slots=True)
class Process:
    """One process; ``started`` is in seconds since the epoch, ``parent`` 0 where there is none."""

    pid: int
    name: str
    started: float
    parent: int
    session: int


@dataclass(frozen=True, slots=True)
class _Socket:
    """A TCP socket of this machine; ``remote`` is None while it listens."""

    own: Address
    remote: Address | None
    user: int | None
    pids: Iterator[int]
    """The processes that have it, as far as they may be seen; looked for when it is used."""


def who_listens_at(host: str, port: int) -> str:
    """``" by process 4711 (python)"``, or nothing where the system does not tell.

    ``host`` is an address, or ``*`` or a name for any.
    """
    wanted = host.strip("[]")
    is_one = is_address(wanted) and wanted not in _EVERYWHERE
    for found in _sockets(port):
        if found.remote is None and (not is_one or found.own[0] in (wanted, *_EVERYWHERE)):
            for pid in found.pids:
                itself = ", this process" if pid == os.getpid() else ""
                known = process(pid)
                return f" by process {pid} ({'?' if known is None else known.name}{itself})"
    return ""


def find_peer(ends: Ends) -> Peer:
    """The process at the other end; what the system does not tell is not in it."""
    user, pids = None, list[int]()
    for found in _sockets(ends.peer[1]):
        if (found.own, found.remote) == ends:
            user = found.user
            pids.extend(found.pids)
    holders = [holder for holder in map(process, pids) if holder is not None]
    if not holders:
        return Peer(user=user)
    first = min(holders, key=lambda holder: (holder.started, holder.pid))
    return Peer(pid=first.pid, name=first.name, started=first.started, user=user, kin=kin_of(pids))


def process(pid: int) -> Process | None:
    """What is known of ``pid``; None when it has ended, or may not be seen."""
    if sys.platform == "linux" and hasattr(os, "sysconf"):
        stat = proc.process(pid) if _has_proc() else None
        if stat is None:
            return None
        started = _booted() + stat.began / os.sysconf("SC_CLK_TCK")
        return Process(pid, stat.name, started, stat.parent, stat.session)
    psutil = _psutil()
    if psutil is not None:
        with suppress(psutil.Error, OSError):
            found = psutil.Process(pid)
            session = os.getsid(pid) if hasattr(os, "getsid") else 0
            return Process(pid, found.name(), found.create_time(), found.ppid() or 0, session)
    return None


def kin_of(pids: Collection[int]) -> frozenset[int]:
    """``pids``, their ancestors, and the sessions of ``pids``."""
    kin: set[int] = {0}
    sessions: set[int] = set()
    for pid in pids:
        kin.add(pid)
        found = process(pid)
        sessions.update(() if found is None else (found.session,))
        while found is not None and found.parent not in kin:
            kin.add(found.parent)
            found = process(found.parent)
    return frozenset((kin | sessions) - {0})


def users_of(roots: Collection[int]) -> frozenset[int]:
    """The users of ``roots`` and of all that they have started; none where ``/proc`` is missing."""
    users = set()
    for pid in _pids():
        if not kin_of([pid]).isdisjoint(roots):
            with suppress(OSError):
                users.add(Path(f"/proc/{pid}").stat().st_uid)
    return frozenset(users)


def is_address(text: str) -> bool:
    """Whether ``text`` is an IP address, without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def plain(host: str) -> str:
    """The address ``host``; an IPv4 address that is written as an IPv6 one is that IPv4 address."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


@cache
def _booted() -> float:
    """When the machine started, in seconds since the epoch; looked at once, so that it stays."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def _sockets(port: int) -> Iterator[_Socket]:
    """The TCP sockets whose own port is ``port``, once or once for each process that has it."""
    if sys.platform == "linux":
        for family in ("tcp", "tcp6"):
            with suppress(OSError), Path(f"/proc/net/{family}").open() as table:
                for fields in (row.split() for row in table if f":{port:04X} " in row):
                    if fields[1].endswith(f":{port:04X}"):
                        yield _Socket(
                            _readable(fields[1]),
                            None if fields[3] == _LISTEN else _readable(fields[2]),
                            user=int(fields[7]),
                            pids=_holders(int(fields[9])),
                        )
        return
    psutil = _psutil()
    for found in () if psutil is None else psutil.process_iter():
        with suppress(psutil.Error, OSError):  # without root, of one's own processes alone
            for row in found.net_connections(kind="tcp"):
                if row.laddr and row.laddr.port == port:
                    own = (plain(row.laddr.ip), port)
                    remote = (plain(row.raddr.ip), row.raddr.port) if row.raddr else None
                    yield _Socket(own, remote, user=None, pids=iter((found.pid,)))


def _readable(address: str) -> Address:
    """An address of ``/proc/net/tcp``: words in the machine's own byte order, in hexadecimal."""
    host, _, port = address.rpartition(":")
    words = (host[at : at + 8] for at in range(0, len(host), 8))
    packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    return plain(str(ipaddress.ip_address(packed))), int(port, 16)


def _holders(inode: int) -> Iterator[int]:
    """The processes that have the socket ``inode``, as far as they may be seen."""
    link = f"socket:[{inode}]"
    for pid in _pids():
        with suppress(OSError):
            folder = f"/proc/{pid}/fd"
            if any(_leads_to(f"{folder}/{name}", link) for name in os.listdir(folder)):  # noqa: PTH208
                yield pid


def _leads_to(path: str, link: str) -> bool:
    try:
        return os.readlink(path) == link  # noqa: PTH115 - a third of the time
    except OSError:
        return False


def _pids() -> Iterator[int]:
    """All processes; whoever asks of each rests as long as it works.

    Thousands of short system calls would keep other threads of this process from running.
    """
    began = time.monotonic()
    with suppress(OSError):
        for name in os.listdir("/proc") if _has_proc() else ():  # noqa: PTH208
            if time.monotonic() - began > BREATH:
                time.sleep(BREATH)
                began = time.monotonic()
            if name.isdigit():
                yield int(name)


def _has_proc() -> bool:
    """Whether ``/proc`` is there, and of this process's own numbers.

    In a namespace of processes that has not mounted its own, they are those of another one.
    """
    try:
        return os.readlink("/proc/self") == str(os.getpid())  # noqa: PTH115
    except OSError:
        return False


def _psutil() -> Any:
    try:
        return importlib.import_module("psutil")
    except ImportError:
        return None
