"""Which process has a TCP socket: what Linux tells below ``/proc``, elsewhere psutil, if installed.

Functions that take some milliseconds, so they are not for an event loop's thread. Of other users'
processes the system often tells nothing.
"""

from __future__ import annotations

import importlib
import ipaddress
import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTEN: Final = "0A"
"""A listening socket's state in ``/proc/net/tcp``."""

_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")

_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - who listens there


@dataclass(frozen=True, slots=True)
class _Listener:
    address: str
    port: int
    inode: int | None = None
    pid: int | None = None


def who_listens_at(host: str, port: int) -> str:
    """``" by process 4711 (python)"``, or nothing where the system does not tell.

    ``host`` is an address, or ``*`` or a name for any.
    """
    wanted = host.strip("[]")
    is_address = _is_address(wanted) and wanted not in _EVERYWHERE
    for listener in _listeners():
        if listener.port != port or (is_address and listener.address not in (wanted, *_EVERYWHERE)):
            continue
        pid = listener.pid if listener.inode is None else _holder(listener.inode)
        if pid is not None:
            itself = ", this process" if pid == os.getpid() else ""
            return f" by process {pid} ({process_name(pid)}{itself})"
    return ""


def process_name(pid: int) -> str:
    """The name of the program that ``pid`` runs."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    psutil = _psutil()
    if psutil is not None:
        with suppress(psutil.Error):
            return str(psutil.Process(pid).name())
    return "?"


def _listeners() -> Iterator[_Listener]:
    if sys.platform == "linux":
        for family in ("tcp", "tcp6"):
            with suppress(OSError):
                for row in Path(f"/proc/net/{family}").read_text().splitlines()[1:]:
                    fields = row.split()
                    if fields[3] == _LISTEN:
                        address, _, port = fields[1].rpartition(":")
                        yield _Listener(_readable(address), int(port, 16), inode=int(fields[9]))
        return
    psutil = _psutil()
    if psutil is not None:
        with suppress(OSError, psutil.Error):
            for found in psutil.net_connections(kind="tcp"):
                if found.status == psutil.CONN_LISTEN and found.laddr:
                    yield _Listener(found.laddr.ip, found.laddr.port, pid=found.pid)


def _readable(address: str) -> str:
    """An address of ``/proc/net/tcp``: words in the machine's own byte order, in hexadecimal."""
    words = (address[at : at + 8] for at in range(0, len(address), 8))
    packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    return str(ipaddress.ip_address(packed))


def _holder(inode: int) -> int | None:
    """The process that has the socket ``inode``, if it may be seen."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):
            for descriptor in (folder / "fd").iterdir():
                with suppress(OSError):
                    found = _SOCKET.fullmatch(str(descriptor.readlink()))
                    if found is not None and int(found[1]) == inode:
                        return int(folder.name)
    return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _psutil() -> Any:
    """The package psutil, where it is installed."""
    try:
        return importlib.import_module("psutil")
    except ImportError:
        return None
