"""LocalClient: a client on this machine, at the other end of a real WebRTC data channel.

Both peers live on the worker's event loop; between them are aiortc's SCTP, DTLS and ICE, and UDP
on the machine's own address. No STUN server is asked.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiortc import RTCConfiguration, RTCPeerConnection

from actors.client_channel import attach
from messages import AttachClient, Mailbox
from messages.event_codec import decode_event
from messages.wire import EVENTS_PROTOCOL, decode_report

if TYPE_CHECKING:
    from aiortc import RTCDataChannel

    from actors.worker.outputs.local_channel import LocalChannel

OPEN_TIMEOUT: Final = 10.0
"""Seconds that the data channel may take to open; it takes half a second."""


class LocalClient:
    """Receives the run and passes it on to a screen; used on the event loop's thread alone."""

    def __init__(self, *, client_id: str, screen: LocalChannel) -> None:
        self.client_id = client_id
        self._screen = screen
        self._here = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._worker = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._received = 0
        self._news = asyncio.Event()

    async def connect(self, supervisor: Mailbox[AttachClient]) -> None:
        """Open the channel; ``supervisor`` is given its other end.

        Raises ConnectionError when it does not open.
        """

        @self._worker.on("datachannel")
        def announced(channel: RTCDataChannel) -> None:
            attach(supervisor, client_id=self.client_id, channel=channel, after=0)

        opened = asyncio.Event()
        channel = self._here.createDataChannel("training", protocol=EVENTS_PROTOCOL)
        channel.on("open", opened.set)
        channel.on("message", self._message)
        await self._here.setLocalDescription(await self._here.createOffer())
        await self._worker.setRemoteDescription(self._here.localDescription)
        await self._worker.setLocalDescription(await self._worker.createAnswer())
        await self._here.setRemoteDescription(self._worker.localDescription)
        try:
            await asyncio.wait_for(opened.wait(), OPEN_TIMEOUT)
        except TimeoutError:
            raise ConnectionError(
                f"no WebRTC connection within {OPEN_TIMEOUT:.0f} s: it needs a network "
                "interface besides the loopback one"
            ) from None

    async def received(self, count: int, *, timeout: float) -> bool:  # noqa: ASYNC109 - it answers
        """Whether ``count`` reports have come within ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while self._received < count:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Close both ends."""
        await self._here.close()
        await self._worker.close()

    def _message(self, data: str | bytes) -> None:
        if not isinstance(data, str):
            return
        report = decode_report(data)
        if report is not None and decode_event(report) is None:
            self._received += 1
            self._news.set()
        self._screen.send(data)
