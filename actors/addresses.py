"""Addresses: what a ZeroMQ socket is bound to, and why it could not be. Pure functions."""

from __future__ import annotations

import errno
import re
from typing import Final

import zmq

_PORT: Final = re.compile(r"tcp://.*:(\d+)")

_HIGHEST_PORT: Final = 65535


def bind(socket: zmq.Socket[bytes], address: str) -> str:
    """Bind ``socket``; the address that it got, with the port that the system chose for ``*``.

    Raises zmq.ZMQError when it cannot be bound.
    """
    port = _PORT.fullmatch(address)
    if port is not None and int(port[1]) > _HIGHEST_PORT:
        raise zmq.ZMQError(errno.EINVAL)  # libzmq would take another port
    socket.bind(address)
    return bytes(socket.get(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()


def why_not_bound(what: str, address: str, error: zmq.ZMQError) -> str:
    """A reason for a person: ``what`` could not be bound to ``address``, and what to do."""
    if error.errno == zmq.EADDRINUSE:
        hint = (
            "the address is in use: end the program that uses it, or choose another address "
            "(tcp://127.0.0.1:* takes a free port)"
        )
    elif error.errno in (errno.ENODEV, zmq.EADDRNOTAVAIL):
        hint = "this machine has no such interface: use one of its own, e.g. tcp://127.0.0.1:9000"
    elif error.errno == errno.EACCES:
        hint = "not permitted: choose a port above 1023"
    else:
        hint = f"{error.strerror}: an address looks like tcp://127.0.0.1:9000"
    return f"{what} cannot be bound to {address}: {hint}"
