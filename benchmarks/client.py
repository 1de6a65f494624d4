"""The client's process: receives over a data channel and notes when, sends control messages."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any, Final

import zmq
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from benchmarks.load import stamp_of
from benchmarks.processes import serve

POLL: Final = 0.05
"""Seconds between two looks at what has come."""


class Client:
    """One client, or several that share this process."""

    def __init__(self) -> None:
        self._peers: dict[str, RTCPeerConnection] = {}
        self._channels: dict[str, Any] = {}
        self._open: dict[str, asyncio.Event] = {}
        self._received: dict[str, list[tuple[int, int, int]]] = {}

    async def offer(self, client: str) -> str:
        """The offer of a new client."""
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        channel = peer.createDataChannel("training")
        self._peers[client], self._channels[client] = peer, channel
        self._open[client] = opened = asyncio.Event()
        received: list[tuple[int, int, int]] = []
        self._received[client] = received
        channel.on("open", opened.set)

        @channel.on("message")
        def arrived(text: str) -> None:
            received.append((*stamp_of(text), time.monotonic_ns()))

        await peer.setLocalDescription(await peer.createOffer())
        return peer.localDescription.sdp

    async def answer(self, client: str, sdp: str) -> bool:
        """Connect; answered when the channel is open."""
        await self._peers[client].setRemoteDescription(
            RTCSessionDescription(sdp=sdp, type="answer")
        )
        await self._open[client].wait()
        return True

    async def subscribe(self, progress: int) -> bool:
        """ZeroMQ alone: be the SUB socket on ``progress`` oneself."""
        received: list[tuple[int, int, int]] = []
        self._received["zmq"] = received
        loop = asyncio.get_running_loop()
        ready = loop.create_future()

        def receive() -> None:
            with zmq.Context() as context, context.socket(zmq.SUB) as socket:
                socket.rcvhwm = 0
                socket.subscribe("")
                socket.bind(f"tcp://127.0.0.1:{progress}")
                loop.call_soon_threadsafe(ready.set_result, True)
                while True:
                    text = socket.recv_string()
                    received.append((*stamp_of(text), time.monotonic_ns()))

        self._thread = loop.run_in_executor(None, receive)
        return bool(await ready)

    async def wait(self, client: str, last: int, quiet: float) -> int:
        """Wait until message ``last`` has come, or nothing more for ``quiet`` s: how many came."""
        received, count, since = self._received[client], -1, time.monotonic()
        while not received or received[-1][0] < last:
            if len(received) != count:
                count, since = len(received), time.monotonic()
            elif time.monotonic() - since > quiet:
                break
            await asyncio.sleep(POLL)
        return len(received)

    async def take(self, client: str) -> list[tuple[int, int, int]]:
        """What has come since the last question: number, sent (ns), received (ns)."""
        received, self._received[client][:] = list(self._received[client]), []
        return received

    async def control(self, client: str, count: int, interval: float) -> int:
        """Send ``count`` control messages."""
        for _ in range(count):
            command = json.dumps({"command": "noop", "t": time.monotonic_ns()})
            self._channels[client].send("CONTROL_COMMAND::" + command)
            await asyncio.sleep(interval)
        return count

    async def stall(self, seconds: float) -> bool:
        """Do nothing at all for ``seconds``: not even the event loop runs."""
        time.sleep(seconds)  # noqa: ASYNC251 - it is to be stuck
        return True


async def main() -> None:
    """Serve one measurement."""
    client = Client()
    names = ("offer", "answer", "subscribe", "wait", "take", "control", "stall")
    await serve({name: getattr(client, name) for name in names})
    os._exit(0)  # a thread still waits for ZeroMQ messages


if __name__ == "__main__":
    asyncio.run(main())
