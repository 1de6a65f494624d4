"""HttpConnections: the connections of the page's server, each counted from when it is accepted.

Anybody who reaches the port can open connections, say nothing, or read nothing of the answer: they
are few, and not for long. Plain callbacks on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import struct
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

from actors.worker.viewer.addresses import addresses_to_listen_at

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from aiohttp import web

    from actors.worker.viewer.access import Role

log = logging.getLogger(__name__)

MAX_OF_A_KIND: Final = 128
"""Connections of a kind at once, besides the viewers': of those that have shown no token, and of
those with each kind of token. Beyond, the oldest is closed."""

HEAD_TIMEOUT: Final = 5.0
"""Seconds from the first byte, of a TLS handshake if there is one, to the end of the first
request's head; and what a refusal may take to be sent."""

FILE_TIMEOUT: Final = 60.0
"""Seconds that who has no token may take to receive a file of the page, and to ask for the next."""

KEEP_ALIVE: Final = 15.0
"""Seconds that a connection may take to its next request: aiohttp's default is an hour."""

TLS_CLOSE_TIMEOUT: Final = 2.0
"""Seconds that the other side may take to agree to the end of a TLS connection."""

ACCEPT_PAUSE: Final = 1.0
"""Seconds to the next try where the system has no descriptor for a connection."""

_BACKLOG: Final = 128

_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""Without it the system goes on to send what nobody reads, when the worker has closed a socket."""

_MISSING: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What the system says of addresses of a kind that it does not have."""


class _Connection(asyncio.Protocol):
    """Passes everything on to aiohttp's protocol ``inner``; known from the accept to the loss."""

    def __init__(
        self,
        accepted: socket.socket,
        inner: asyncio.Protocol,
        *,
        lost: Callable[[_Connection], None],
        late: Callable[[_Connection], None],
    ) -> None:
        self._socket = accepted
        self._inner = inner
        self._lost, self._late = lost, late
        self.came: Callable[[int], None] | None = None
        self.kind: Role | None = None
        self.transport: asyncio.Transport | None = None
        self.opening: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, seconds: float | None) -> None:
        """It is late in so many seconds, and at no other time; for None never."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._late, self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self.came is not None:
            self.came(len(data))
            if self.transport is None or self.transport.is_closing():
                return  # that was too much
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self)
        self._inner.connection_lost(exc)

    def abort(self) -> None:
        """Close it at once, whatever it is at and whatever its buffers hold."""
        with suppress(OSError):  # it is closed
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        if self.transport is not None:
            self.transport.abort()
        elif self.opening is not None:
            self.opening.cancel()


class HttpConnections:
    """Accepts connections for a server, over TLS if there is a context for it.

    It is told of each request (``heard``), refusal (``refused``) and viewer (``stays``).
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        head_timeout: float = HEAD_TIMEOUT,
    ) -> None:
        self._server: web.Server | None = None
        self._tls = tls
        self._head_timeout = head_timeout
        self._loop = asyncio.get_running_loop()
        self._listeners: list[socket.socket] = []
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._kinds: dict[Role | None, dict[_Connection, None]] = {None: {}}

    async def listen(self, server: web.Server, host: str, port: int) -> int:
        """Accept connections for ``server`` from now on; the port, a free one for 0.

        Raises OSError.
        """
        self._server = server
        found = await addresses_to_listen_at(host, port)
        missing = OSError(errno.EADDRNOTAVAIL, "no such address")
        with ExitStack() as stack:
            bound: list[socket.socket] = []
            for family, address in dict.fromkeys((kind, address) for kind, *_, address in found):
                try:
                    listener = _bound(family, (address[0], port, *address[2:]), dual=host == "::")
                except OSError as error:
                    if error.errno not in _MISSING:
                        raise
                    missing = error  # a name may have addresses of both kinds, a machine only one
                    continue
                stack.callback(listener.close)
                bound.append(listener)
                port = listener.getsockname()[1]
            if not bound:
                raise missing
            stack.pop_all()
        self._listeners = bound
        for listener in bound:
            self._watch(listener)
        return port

    def heard(self, request: web.Request, role: Role | None) -> None:
        """A request has come, with a token for ``role``; its handling has bounds of its own."""
        connection = _connection_of(request)
        if connection is None:
            return
        if role is not None:
            self._count(connection, role)
            connection.limit(None)
        elif connection.kind is None:
            connection.limit(FILE_TIMEOUT)

    def refused(self, request: web.Request) -> None:
        """The answer is a refusal, behind which the connection is closed."""
        connection = _connection_of(request)
        if connection is not None:
            connection.limit(HEAD_TIMEOUT)

    def stays(self, request: web.Request, came: Callable[[int], None]) -> None:
        """The connection is a viewer's, who are counted elsewhere; ``came`` is told bytes first."""
        connection = _connection_of(request)
        if connection is not None:
            connection.came = came
            self._forget(connection)

    def stop_listening(self) -> None:
        """Accept nothing any more. Idempotent."""
        for timer in self._pauses.values():
            timer.cancel()
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners = []

    async def close(self) -> None:
        """Close all, but for the viewers', whatever they are at. Idempotent."""
        self.stop_listening()
        left = [connection for kind in self._kinds.values() for connection in kind]
        for connection in left:
            self._close(connection)
        openings = [connection.opening for connection in left if connection.opening is not None]
        await asyncio.gather(*openings, return_exceptions=True)

    # From the accept to the loss

    def _watch(self, listener: socket.socket) -> None:
        self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # it has been given up meanwhile
        except OSError as error:
            log.warning("the page takes no connection for now: %s", error)
            self._loop.remove_reader(listener)
            self._pauses[listener] = self._loop.call_later(ACCEPT_PAUSE, self._watch, listener)
            return
        accepted.setblocking(False)
        assert self._server is not None
        connection = _Connection(accepted, self._server(), lost=self._forget, late=self._close)
        connection.opening = self._loop.create_task(
            self._open(connection, accepted), name="viewer-connection"
        )
        connection.opening.add_done_callback(lambda _: self._opened(connection, accepted))
        connection.limit(self._head_timeout)
        self._count(connection, None)

    async def _open(self, connection: _Connection, accepted: socket.socket) -> None:
        with suppress(OSError):  # as of a TLS handshake that fails
            await self._loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._tls,
                ssl_shutdown_timeout=None if self._tls is None else TLS_CLOSE_TIMEOUT,
            )

    def _opened(self, connection: _Connection, accepted: socket.socket) -> None:
        if connection.transport is None:
            accepted.close()
            self._forget(connection)

    def _count(self, connection: _Connection, kind: Role | None) -> None:
        self._kinds[connection.kind].pop(connection, None)
        connection.kind = kind
        those = self._kinds.setdefault(kind, {})
        those[connection] = None
        if len(those) > MAX_OF_A_KIND:
            self._close(next(iter(those)))

    def _close(self, connection: _Connection) -> None:
        self._forget(connection)
        connection.abort()

    def _forget(self, connection: _Connection) -> None:
        self._kinds[connection.kind].pop(connection, None)
        connection.limit(None)


def _connection_of(request: web.Request) -> _Connection | None:
    protocol = None if request.transport is None else request.transport.get_protocol()
    return protocol if isinstance(protocol, _Connection) else None


def _bound(family: int, address: tuple[Any, ...], *, dual: bool) -> socket.socket:
    """A socket that listens at ``address``; ``dual`` takes IPv4 there too, where that is possible.

    Raises OSError.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            only = not (dual and socket.has_dualstack_ipv6())
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        stack.pop_all()
    return listener
