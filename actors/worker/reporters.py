"""Who would report to an address, asked before a ZeroMQ socket is bound there."""

from __future__ import annotations

import re
import socket
import struct
import sys
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from actors.zmq_sockets import ends_of, find_peer

if TYPE_CHECKING:
    from messages import Peer

RETRY: Final = 0.25
"""Seconds within which a publisher that has lost its peer tries again: ZMQ_RECONNECT_IVL is 100 ms,
to which libzmq adds less than as much again by chance."""

_STEP: Final = 0.002
"""Seconds between two looks, each of which takes one more connection."""

_NUMERIC: Final = re.compile(r"tcp://(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+|\*)):([0-9]{1,5})")
"""An address of numbers: a name server is not asked, an interface has no port to listen at."""

_GREETING: Final = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
"""ZMTP 3.0, without security: whoever connects answers with its READY (rfc.zeromq.org/spec/23)."""

_PUBLISHER: Final = re.compile(rb"\x05READY.*\x0bSocket-Type\0\0\0(?:\x03PUB|\x04XPUB)", re.DOTALL)

_MOST: Final = 4096
"""Bytes that are read of a handshake, which has some hundred."""


def reporter_at(address: str | None) -> Peer | None:
    """Who tries to report to the TCP ``address``, if anybody does within ``RETRY``; blocks.

    A plain socket listens there, and a handshake is begun and left before its end: until then a
    publisher keeps all that it has queued. A ZeroMQ socket would take that. Nobody is found where
    the address cannot be listened at; whoever binds it says why.
    """
    tcp = _NUMERIC.fullmatch(address or "")
    if tcp is None:
        return None
    with suppress(OSError, OverflowError), ExitStack() as stack:
        family = socket.AF_INET if tcp[1] is None else socket.AF_INET6
        listener = stack.enter_context(socket.socket(family))
        if sys.platform != "win32":  # where it means another thing
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        host = tcp[1] or tcp[2]
        listener.bind(("" if host == "*" else host, int(tcp[3])))
        listener.listen()
        listener.setblocking(False)
        connections: list[socket.socket] = []
        until = time.monotonic() + RETRY
        while time.monotonic() < until:
            time.sleep(_STEP)
            with suppress(OSError):
                connections.append(stack.enter_context(listener.accept()[0]))
                _greet(connections[-1])
            for connection in connections:
                ends = ends_of(connection.fileno())
                if ends is not None and _is_publisher(connection):
                    return find_peer(ends)
    return None


def _greet(connection: socket.socket) -> None:
    connection.setblocking(False)
    # It is closed with a reset: nothing of it stays at the port.
    linger = struct.pack("ii" if sys.platform != "win32" else "hh", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.send(_GREETING)


def _is_publisher(connection: socket.socket) -> bool:
    """Whether what it has said so far is a publisher's handshake; False when it is gone."""
    with suppress(OSError):
        return _PUBLISHER.search(connection.recv(_MOST, socket.MSG_PEEK)) is not None
    return False
