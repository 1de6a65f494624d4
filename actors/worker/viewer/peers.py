"""ViewerPeers: the WebRTC peers of viewers, made for offers; on the event loop's thread."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import RTCDataChannel

    from messages import DataChannel

log = logging.getLogger(__name__)

OFFER_TIMEOUT: Final = 10.0
"""Seconds that answering an offer may take; without an ICE server it takes milliseconds."""

CHANNEL_TIMEOUT: Final = 30.0
"""Seconds after which a peer that has opened no data channel is closed."""

CLOSE_TIMEOUT: Final = 5.0
"""Seconds that a channel may take to deliver what it holds and to close."""

MAX_PEERS: Final = 32
"""Peers at once, with a channel or before it: each costs sockets and timers."""

MAX_CANDIDATES: Final = 64
"""Candidates of an offer that are tried, the first ones: each costs time on the event loop, and a
browser sends some 10 to 40."""

MAX_LINES: Final = 64
"""Other lines of an offer: a browser's for a data channel alone has some 20."""


class OfferError(Exception):
    """The offer is not answered; the message is human-readable."""


class ViewerPeers:
    """Each peer has one data channel, with which ``announced`` is called.

    What came over a second one nobody would count: with that the peer is closed.
    """

    def __init__(self, ice_servers: tuple[str, ...]) -> None:
        self._configuration = RTCConfiguration(
            iceServers=[RTCIceServer(urls=url) for url in ice_servers]
        )
        self._peers: dict[RTCPeerConnection, list[RTCDataChannel]] = {}
        self._closings: set[asyncio.Future[None]] = set()

    async def answer(
        self,
        sdp: str,
        announced: Callable[[RTCDataChannel], None],
        *,
        at_most: int = MAX_PEERS,
    ) -> RTCSessionDescription:
        """The answer to an offer, if there are fewer peers than ``at_most``. Raises OfferError."""
        if len(self._peers) >= at_most:
            raise OfferError(f"{at_most} viewers are connected, or about to be, already")
        if "m=application" not in sdp or "m=audio" in sdp or "m=video" in sdp:
            raise OfferError("the offer is not for a data channel alone")
        sdp = _bounded(sdp)
        peer = RTCPeerConnection(self._configuration)
        channels = self._peers[peer] = []

        @peer.on("datachannel")
        def opened(channel: RTCDataChannel) -> None:
            if not channels:
                channels.append(channel)
                announced(channel)
            else:
                log.warning("a viewer opens a second data channel: its connection is closed")
                self._close_soon(peer)

        @peer.on("connectionstatechange")
        async def changed() -> None:
            if peer.connectionState in ("failed", "closed"):
                await self._close(peer)

        try:
            async with asyncio.timeout(OFFER_TIMEOUT):
                await peer.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
                await peer.setLocalDescription(await peer.createAnswer())
        except Exception as error:  # what a half-valid offer raises in aiortc may be anything
            await self._close(peer)
            raise OfferError(f"the offer cannot be answered: {error!r:.200}") from error
        asyncio.get_running_loop().call_later(CHANNEL_TIMEOUT, self._give_up, peer)
        return peer.localDescription

    def drop(self, channel: DataChannel) -> None:
        """Close the peer of ``channel``, whatever waits."""
        for peer, channels in self._peers.items():
            if channel in channels:
                self._close_soon(peer)

    async def close(self) -> None:
        """Close all; what their channels hold is delivered first."""
        closings = [
            _closed(channel)
            for channels in self._peers.values()
            for channel in channels
            if channel.readyState == "open"
        ]
        if closings:
            await asyncio.wait(closings, timeout=CLOSE_TIMEOUT)
        await asyncio.gather(*(self._close(peer) for peer in list(self._peers)))

    async def _close(self, peer: RTCPeerConnection) -> None:
        if self._peers.pop(peer, None) is not None:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await peer.close()
            except Exception as error:
                log.warning("a viewer's connection did not close: %r", error)

    def _give_up(self, peer: RTCPeerConnection) -> None:
        if peer in self._peers and not self._peers[peer]:
            log.info("a viewer's connection has opened no data channel: it is closed")
            self._close_soon(peer)

    def _close_soon(self, peer: RTCPeerConnection) -> None:
        closing = asyncio.ensure_future(self._close(peer))
        self._closings.add(closing)
        closing.add_done_callback(self._closings.discard)


def _bounded(sdp: str) -> str:
    """``sdp`` without the candidates beyond ``MAX_CANDIDATES``. Raises OfferError."""
    kept, candidates = [], 0
    for line in sdp.splitlines():
        is_candidate = line.startswith("a=candidate")
        candidates += is_candidate
        if not is_candidate or candidates <= MAX_CANDIDATES:
            kept.append(line)
    if len(kept) - min(candidates, MAX_CANDIDATES) > MAX_LINES:
        raise OfferError(f"the offer has more than {MAX_LINES} lines besides its candidates")
    return "".join(f"{line}\r\n" for line in kept)


def _closed(channel: RTCDataChannel) -> asyncio.Future[None]:
    """Close ``channel``, which first sends what it holds; done when it is closed."""
    closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle() -> None:
        if not closed.done():
            closed.set_result(None)

    channel.on("close", settle)
    channel.close()
    return closed
