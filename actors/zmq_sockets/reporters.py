"""Who would report to an address, asked before a ZeroMQ socket is bound there."""

from __future__ import annotations

import re
import selectors
import socket
import struct
import sys
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from actors.zmq_sockets.peers import ends_of, find_peer

if TYPE_CHECKING:
    from messages import Peer

RETRY: Final = 0.25
"""Seconds within which a publisher that has lost its peer tries again: ZMQ_RECONNECT_IVL is 100 ms,
to which libzmq adds less than as much again by chance."""

_TCP: Final = re.compile(r"tcp://(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+|\*)):([0-9]{1,5})")
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
    tcp = _TCP.fullmatch(address or "")
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
        return _Handshakes(listener, stack).publisher(time.monotonic() + RETRY)
    return None


class _Handshakes:
    """Those that are begun with whoever connects to ``listener``; ``stack`` closes them."""

    def __init__(self, listener: socket.socket, stack: ExitStack) -> None:
        self._listener, self._stack = listener, stack
        self._selector = stack.enter_context(selectors.DefaultSelector())
        self._received: dict[socket.socket, bytes] = {}
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    def publisher(self, until: float) -> Peer | None:
        """The first that says to be one, until that time on the monotonic clock."""
        while (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                if key.fileobj is self._listener:
                    self._accept()
                    continue
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                ends = ends_of(connection.fileno())
                if self._is_publisher(connection) and ends is not None:
                    return find_peer(ends)
        return None

    def _accept(self) -> None:
        with suppress(OSError):
            connection = self._stack.enter_context(self._listener.accept()[0])
            # It is closed with a reset: nothing of it stays at the port.
            linger = struct.pack("ii" if sys.platform != "win32" else "hh", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.setblocking(False)
            connection.send(_GREETING)
            self._received[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ)

    def _is_publisher(self, connection: socket.socket) -> bool:
        """Read on; whoever leaves, or says too much, is not listened to any more."""
        with suppress(OSError):
            received = connection.recv(_MOST)
            whole = self._received[connection] = self._received[connection] + received
            if received and len(whole) < _MOST:
                return _PUBLISHER.search(whole) is not None
        self._selector.unregister(connection)
        return False
