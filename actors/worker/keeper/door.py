"""The door of a run's folder: the socket at which workers reach the run's keeper."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actors.worker.keeper.files import SOCKET

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST: Final = 100
"""Bytes that the address of such a socket may have on every system."""


def open_door(folder: Path) -> socket.socket | None:
    """The socket, which waits for workers; None where the file system has none."""
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        (folder / SOCKET).unlink(missing_ok=True)
        with _short(folder) as short:
            door.bind(f"{short}/{SOCKET}")
        (folder / SOCKET).chmod(0o600)
        door.listen()
    except OSError:
        door.close()
        return None
    return door


def knock(folder: Path) -> socket.socket | None:
    """A connection to the keeper; None when there is none."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(folder) as short:
            link.connect(f"{short}/{SOCKET}")
    except OSError:
        link.close()
        return None
    return link


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A name of ``folder`` that fits into a socket's address, where the system has one."""
    if len(os.fsencode(folder / SOCKET)) <= _LONGEST:
        yield str(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        short = f"/proc/self/fd/{descriptor}"
        yield short if Path(short).exists() else str(folder)
    finally:
        os.close(descriptor)
