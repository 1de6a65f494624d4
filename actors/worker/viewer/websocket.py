"""WebSocketChannel: a ``DataChannel`` over a WebSocket, used on the event loop's thread alone."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSCloseCode, WSMsgType

from messages import text_bytes

if TYPE_CHECKING:
    from asyncio import Transport
    from collections.abc import Callable

    from aiohttp import WSMessage
    from aiohttp.web import WebSocketResponse

CLOSE_TIMEOUT: Final = 5.0
"""Seconds that sending what waits, and closing, may take at the end."""


class WebSocketChannel:
    """Sends text by text, each when the one before has left; ``run`` is its life.

    ``transport`` is what ``socket`` is served over; it leaves pings to the channel. Besides a data
    channel's events there are "control" for each ping and pong, and "bytes" with the size of what
    has come in whatever frames, before it is read.
    """

    def __init__(self, socket: WebSocketResponse, transport: Transport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._waiting: deque[str] = deque()
        self._news = asyncio.Event()
        self._listeners: dict[str, list[Callable[..., Any]]] = defaultdict(list)
        self.protocol = socket.ws_protocol or ""
        self.readyState = "open"
        self.bufferedAmount = 0
        self.bufferedAmountLowThreshold = 0

    def on(self, event: str, f: Callable[..., Any], /) -> object:
        """Call ``f`` at each ``event``."""
        self._listeners[event].append(f)
        return f

    def send(self, data: str, /) -> None:
        """Queue ``data``. Raises ConnectionError when the channel is not open."""
        if self.readyState != "open":
            raise ConnectionError("the WebSocket is closed")
        self._waiting.append(data)
        self.bufferedAmount += text_bytes(data)
        self._news.set()

    def close(self) -> None:
        """Send what waits, then close."""
        if self.readyState == "open":
            self.readyState = "closing"
            self._news.set()

    def abort(self) -> None:
        """Close the connection at once, whatever waits."""
        if self._transport is not None:
            self._transport.abort()
        self.readyState = "closed"
        self._news.set()

    def came(self, size: int) -> None:
        """So many bytes have come."""
        self._emit("bytes", size)

    async def run(self) -> None:
        """Send and receive until either side closes."""
        sending = asyncio.create_task(self._send_all(), name="websocket-sender")
        try:
            async for message in self._socket:
                await self._take(message)
                if self.readyState == "closed":
                    break
                await asyncio.sleep(0)  # however many have come at once
        except ConnectionError:
            pass  # the other side is gone
        finally:
            sending.cancel()
            self.readyState = "closed"
            self._emit("close")

    async def _take(self, message: WSMessage) -> None:
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self._emit("message", message.data)
        elif message.type in (WSMsgType.PING, WSMsgType.PONG):
            self._emit("control")
            if message.type is WSMsgType.PING and self.readyState != "closed":
                await self._socket.pong(message.data)

    async def _send_all(self) -> None:
        try:
            while self._waiting or self.readyState == "open":
                if not self._waiting:
                    self._news.clear()
                    await self._news.wait()
                    continue
                text = self._waiting.popleft()
                await self._socket.send_str(text)
                self._left(text_bytes(text))
        except (ConnectionError, RuntimeError):
            pass  # the other side is gone, which the receiving side ends with
        finally:
            with suppress(TimeoutError):  # of one that is away, which does not answer
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await self._socket.close(code=WSCloseCode.GOING_AWAY)

    def _left(self, size: int) -> None:
        before, self.bufferedAmount = self.bufferedAmount, self.bufferedAmount - size
        if before > self.bufferedAmountLowThreshold >= self.bufferedAmount:
            self._emit("bufferedamountlow")

    def _emit(self, event: str, *arguments: Any) -> None:
        for listener in list(self._listeners[event]):
            listener(*arguments)
