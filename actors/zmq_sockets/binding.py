"""Binding: where a ZeroMQ socket is bound, and why it could not be."""

from __future__ import annotations

import errno
import os
import re
import socket as socketlib
import stat
from dataclasses import dataclass
from typing import Final

import zmq

from actors.zmq_sockets.processes import who_listens_at

_TCP: Final = re.compile(r"(tcp://([^\0]+)):([0-9]{1,5}|\*)")

_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Where a socket is bound; ``conflict`` says why it is not the address that was asked for."""

    address: str
    conflict: str | None


def port_of(address: str) -> int:
    """The port of a TCP address. Raises ValueError for any other address."""
    tcp = _TCP.fullmatch(address)
    if tcp is None or tcp[3] == "*":
        raise ValueError(f"{address} has no port that a trainer could be told: use tcp://")
    return int(tcp[3])


def at_free_port(address: str | None) -> str | None:
    """``address`` with a port that the system chooses; as it is if it has none."""
    tcp = None if address is None else _TCP.fullmatch(address)
    return address if tcp is None else f"{tcp[1]}:*"


class NotBoundError(Exception):
    """The socket could not be bound; the message says where, why, and what to do."""


def bind(
    what: str, socket: zmq.Socket[bytes], address: str, *, free_port_if_in_use: bool = False
) -> Bound:
    """Bind ``socket``; the address that it got has the port that the system chose for ``*``.

    With ``free_port_if_in_use`` a TCP address that is in use is left to whoever uses it, and the
    socket gets another port of the same interface. Raises NotBoundError, which calls the socket
    ``what``.
    """
    tcp = _TCP.fullmatch(address)
    conflict = None
    try:
        _check(address, tcp)
        if "[" in address:
            socket.ipv6 = True
        try:
            socket.bind(address)
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE or tcp is None or not free_port_if_in_use:
                raise
            conflict = f"{address} is in use{_by_whom(address)}"
            socket.bind(f"{tcp[1]}:*")
    except zmq.ZMQError as error:
        raise NotBoundError(_why_not_bound(what, address, error)) from error
    return Bound(
        address=bytes(socket.get(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode(), conflict=conflict
    )


def _check(address: str, tcp: re.Match[str] | None) -> None:
    """Raise zmq.ZMQError where libzmq would bind another address, or take one that is in use."""
    if address.startswith("tcp://"):
        if tcp is None or (tcp[3] != "*" and int(tcp[3]) > _HIGHEST_PORT):
            raise zmq.ZMQError(errno.EINVAL)
    elif address.startswith("ipc://"):
        _check_ipc(address.removeprefix("ipc://"))


def _check_ipc(path: str) -> None:
    """The same of a path, at which libzmq removes whatever is there before it binds.

    Only a socket on which nobody listens may go: one that a killed process has left.
    """
    try:
        name = path.encode()
        if not stat.S_ISSOCK(os.lstat(name).st_mode):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        if hasattr(socketlib, "AF_UNIX"):  # Windows has none
            with socketlib.socket(socketlib.AF_UNIX) as trial:
                trial.setblocking(False)
                trial.connect(name)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return
    except BlockingIOError:  # so many wait for whoever listens that no more can
        pass
    except OSError as error:
        other_kind = error.errno in (None, errno.EPROTOTYPE)  # a name too long to be asked has None
        raise zmq.ZMQError(errno.EEXIST if other_kind else error.errno) from error
    except ValueError as error:
        raise zmq.ZMQError(errno.EINVAL) from error
    raise zmq.ZMQError(zmq.EADDRINUSE)


def why_not_open(what: str, error: NotBoundError | zmq.ZMQError | OSError) -> str:
    """A human-readable reason, also when there could be no socket at all."""
    return str(error) if isinstance(error, NotBoundError) else f"{what} cannot be made: {error}"


def _why_not_bound(what: str, address: str, error: zmq.ZMQError) -> str:
    if error.errno == zmq.EADDRINUSE:
        hint = (
            f"the address is in use{_by_whom(address)}: end the program that uses it, or choose "
            "another address (tcp://127.0.0.1:* takes a free port)"
        )
    elif error.errno in (errno.ENODEV, zmq.EADDRNOTAVAIL):
        hint = "this machine has no such interface: use one of its own, e.g. tcp://127.0.0.1:9000"
    elif error.errno == errno.EACCES:
        other = "path" if address.startswith("ipc://") else "port above 1023"
        hint = f"not permitted: choose a {other}"
    elif error.errno == errno.EEXIST:
        hint = "what is there is no socket that a program has left, and stays: choose another path"
    else:
        hint = f"{error.strerror}: an address looks like tcp://127.0.0.1:9000"
    return f"{what} cannot be bound to {address}: {hint}"


def _by_whom(address: str) -> str:
    tcp = _TCP.fullmatch(address)
    return "" if tcp is None or tcp[3] == "*" else who_listens_at(tcp[2], int(tcp[3]))
