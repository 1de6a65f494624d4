"""A client of a running worker's page, over a WebSocket or a real data channel."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from actors.worker.viewer import viewers
from messages import EVENTS_PROTOCOL, decode_event, decode_report
from tests.support.addresses import parts_of
from tests.support.event_loop import LoopThread
from tests.support.waiting import PATIENCE

WEBSOCKET, WEBRTC = "websocket", "webrtc"
TRANSPORTS = (WEBSOCKET, WEBRTC)

ALIVE = decode_report(viewers.ALIVE)

HIGH_WATER = 16 * 1024
"""Bytes that may wait in the data channel."""


class PageClient:
    """Entering connects as the client ``name``.

    ``messages`` are what came, without prefixes; the trainer's among them are ``reports``, the
    worker's ``events``, ``counts`` are how many of each name, and ``position`` is that of the last
    one.
    """

    def __init__(self, link: str, name: str, transport: str = WEBSOCKET, *, after: int = 0) -> None:
        self._base, token = parts_of(link)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._name, self._transport, self._after = name, transport, after
        self._thread = LoopThread()
        self._news = threading.Condition()
        self._session: aiohttp.ClientSession
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._peer: RTCPeerConnection | None = None
        self._channel: Any = None
        self._reader: asyncio.Task[None] | None = None
        self.instance = ""
        self.position = after
        self.closed = threading.Event()
        self._low = asyncio.Event()
        self.messages: list[str] = []
        self.reports: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        try:
            self._thread.run(self._connect())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _connect(self) -> None:
        self._session = aiohttp.ClientSession(self._base, headers=self._headers)
        async with self._session.get("/session") as response:
            self.instance = (await response.json())["instance"]
        who = {"client": self._name, "after": str(self._after), "instance": self.instance}
        if self._transport == WEBSOCKET:
            self._socket = await self._session.ws_connect(
                "/ws", params=who, protocols=(EVENTS_PROTOCOL,), max_msg_size=0
            )
            self._reader = asyncio.create_task(self._read(self._socket))
        else:
            await self._open_data_channel(who)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            self._came(message.data)
        self.closed.set()

    async def _open_data_channel(self, who: dict[str, str]) -> None:
        settled = asyncio.Event()
        self._peer = peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._channel = channel = peer.createDataChannel("training", protocol=EVENTS_PROTOCOL)
        channel.bufferedAmountLowThreshold = HIGH_WATER
        channel.on("bufferedamountlow", self._low.set)
        channel.on("open", settled.set)
        channel.on("message", self._came)
        channel.on("close", self.closed.set)
        channel.on("close", self._low.set)  # who waits for room finds that out
        channel.on("close", settled.set)
        await peer.setLocalDescription(await peer.createOffer())
        offer = {"sdp": peer.localDescription.sdp, "type": "offer", **who}
        async with self._session.post("/offer", json=offer) as response:
            answer = await response.json()
            assert response.status == 200, answer
        await peer.setRemoteDescription(RTCSessionDescription(**answer))
        await asyncio.wait_for(settled.wait(), PATIENCE)
        assert channel.readyState == "open", "the worker has ended before the channel was open"

    def _came(self, text: str) -> None:
        message = decode_report(text)
        assert message is not None, text
        with self._news:
            self.messages.append(message)
            is_event = message == ALIVE or decode_event(message) is not None
            event = json.loads(message) if is_event else None
            if event is None:
                self.reports.append(message)
            else:
                self.events.append(event)
                self.counts[event["event"]] += 1
            self.position = _position(self.position, event)
            self._news.notify_all()

    def send(self, text: str, times: int = 1) -> None:
        """Send ``text`` so often, ``{}`` in it is the number."""
        self._thread.run(self._send([text.replace("{}", str(n)) for n in range(times)]))

    async def _send(self, texts: list[str]) -> None:
        for text in texts:
            if self._socket is not None:
                await self._socket.send_str(text)
            else:
                self._channel.send(text)
                # All at once would overflow UDP.
                self._low.clear()
                if self._channel.bufferedAmount > HIGH_WATER and not self.closed.is_set():
                    await self._low.wait()

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        """What ``condition`` says, as soon as that is true; it is asked whenever something came."""
        with self._news:
            found = self._news.wait_for(condition, 2 * PATIENCE)
            assert found, f"{len(self.messages)} messages came, the last are {self.messages[-3:]}"
            return found

    def wait_for_reports(self, count: int) -> list[str]:
        """The trainer's messages, as soon as there are so many."""
        self.wait_for(lambda: len(self.reports) >= count)
        return list(self.reports)

    def wait_for_event(self, name: str, **fields: Any) -> dict[str, Any]:
        """The first worker event of that name and with those fields."""
        wanted = {"event": name, **fields}.items()
        return self.wait_for(lambda: next((e for e in self.events if wanted <= e.items()), None))

    @property
    def states(self) -> list[str]:
        """The states of the run that came so far."""
        return [event["state"] for event in self.events if event["event"] == "state"]

    def close(self) -> None:
        """Close the connection, and what belongs to it."""
        self._thread.run(self._close())
        self._thread.close()

    async def _close(self) -> None:
        if self._peer is not None:
            await self._peer.close()
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await self._reader
        await self._session.close()


def _position(former: int, event: dict[str, Any] | None) -> int:
    match event:
        case {"event": "clock", "position": next_one}:
            return int(next_one) - 1
        case {"event": "alive"}:
            return former
        case _:
            return former + 1
