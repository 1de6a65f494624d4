"""HttpConnections: the connections of an HTTP server that have not asked for anything yet.

Anybody who reaches the port can open connections and say nothing: they are few, and not for long.
Plain callbacks on the event loop's thread.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp import web

MAX_SILENT: Final = 128
"""Connections without a request at once; beyond, the oldest is closed."""

REQUEST_TIMEOUT: Final = 10.0
"""Seconds that a connection may take to its first complete request head."""


class HttpConnections:
    """Called by asyncio for each connection; ``heard`` is called for each request."""

    def __init__(self, server: web.Server, *, timeout: float = REQUEST_TIMEOUT) -> None:
        self._server = server
        self._timeout = timeout
        self._silent: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}

    def __call__(self) -> asyncio.BaseProtocol:
        """The protocol of one more connection."""
        if len(self._silent) >= MAX_SILENT:
            self._close(next(iter(self._silent)))
        protocol = self._server()
        loop = asyncio.get_running_loop()
        self._silent[protocol] = loop.call_later(self._timeout, self._close, protocol)
        return protocol

    def heard(self, request: web.Request) -> None:
        """A request has come; its handling has bounds of its own."""
        timer = self._silent.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()

    def _close(self, protocol: asyncio.BaseProtocol) -> None:
        self._silent.pop(protocol).cancel()
        transport = getattr(protocol, "transport", None)
        if transport is not None:
            transport.abort()

    def forget(self) -> None:
        """Wait for nothing any more."""
        for timer in self._silent.values():
            timer.cancel()
        self._silent.clear()
