"""The viewers' process: takes what the page of a worker takes, over WebRTC or a WebSocket."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from benchmarks.processes import serve
from messages import PAGES_PROTOCOL


class Viewers:
    """Any number of viewers, which read and keep nothing."""

    def __init__(self) -> None:
        self._open: list[Any] = []

    async def watch(self, link: str, transport: str) -> bool:
        """Open ``link`` over ``transport``; answered when the first text has come."""
        parts = urlsplit(link)
        (token,) = parse_qs(parts.fragment)["token"]
        session = aiohttp.ClientSession(
            f"{parts.scheme}://{parts.netloc}", headers={"Authorization": f"Bearer {token}"}
        )
        self._open.append(session)
        async with session.get("/session") as response:
            instance = (await response.json())["instance"]
        who = {"client": uuid4().hex, "after": "0", "instance": instance}
        watch = self._over_webrtc if transport == "WebRTC" else self._over_websocket
        await watch(session, who)
        return True

    async def _over_websocket(self, session: aiohttp.ClientSession, who: dict[str, str]) -> None:
        socket = await session.ws_connect(
            "/ws", params=who, protocols=(PAGES_PROTOCOL,), max_msg_size=0
        )
        await socket.receive()
        self._open.append(asyncio.create_task(_drop(socket)))

    async def _over_webrtc(self, session: aiohttp.ClientSession, who: dict[str, str]) -> None:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._open.append(peer)
        channel = peer.createDataChannel("training", protocol=PAGES_PROTOCOL)
        came = asyncio.Event()
        channel.on("message", lambda _: came.set())
        await peer.setLocalDescription(await peer.createOffer())
        offer = {"sdp": peer.localDescription.sdp, "type": "offer", **who}
        async with session.post("/offer", json=offer) as response:
            response.raise_for_status()
            answer = RTCSessionDescription(**await response.json())
        await peer.setRemoteDescription(answer)
        await came.wait()


async def _drop(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass


async def main() -> None:
    """Serve one measurement."""
    await serve({"watch": Viewers().watch})


if __name__ == "__main__":
    asyncio.run(main())
