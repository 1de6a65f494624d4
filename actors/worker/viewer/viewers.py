"""Viewers: who watches, on the event loop's thread: how many, how often, and over which channels.

Their channels are the supervisor's to fill; here is what they may send, and the signs of life.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from actors.client_channel import TextLimit, attach
from actors.runtime import TokenBucket
from actors.worker.viewer.access import RefusedError, Role
from actors.worker.viewer.peers import MAX_PEERS, ViewerPeers
from actors.worker.viewer.websocket import WebSocketChannel
from messages import EVENT_MARK, DetachClient, encode_report, text_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import RTCSessionDescription

    from messages import AttachClient, DataChannel, Mailbox

log = logging.getLogger(__name__)

MAX_VIEWERS: Final = 32
"""Open channels at once."""

ALIVE_INTERVAL: Final = 10.0
"""Seconds between two signs of life: a page takes 25 s of silence for a lost connection."""

ARRIVALS: Final = 100
ARRIVALS_RATE: Final = 5.0
"""Connections that the viewers of a kind may make at once, and a second in the long run: an offer
costs some 10 ms of CPU time, which the training has no more."""

CONTROL_FACTOR: Final = 16
"""A viewer that may control and sends so many times what one is heard for is a flood."""

ALIVE: Final = encode_report(json.dumps({"what": EVENT_MARK, "event": "alive"}))


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is let in, and goes on after the position ``after``."""

    client_id: str
    role: Role
    after: int


class Viewers:
    """Started once and closed once. ``supervisor`` is given the channels."""

    def __init__(
        self,
        supervisor: Mailbox[AttachClient | DetachClient],
        *,
        ice_servers: tuple[str, ...],
        at_most: int,
        alive_interval: float,
    ) -> None:
        self._supervisor = supervisor
        self._at_most = at_most
        self._alive_interval = alive_interval
        self._peers = ViewerPeers(ice_servers)
        self._channels: set[DataChannel] = set()
        self._current: dict[str, DataChannel] = {}
        self._arrivals = {r: TokenBucket(rate=ARRIVALS_RATE, burst=ARRIVALS) for r in Role}
        self._watchers_texts = TextLimit()
        self._alive: asyncio.Task[None] | None = None
        self._is_over = False

    def start(self) -> None:
        """Give signs of life from now on."""
        self._alive = asyncio.create_task(self._tell_alive(), name="viewer-alive")

    async def close(self) -> None:
        """Let the channels deliver what they hold; closed are those of WebRTC. Idempotent."""
        self._is_over = True
        if self._alive is not None:
            self._alive.cancel()
        for channel in list(self._channels):
            if isinstance(channel, WebSocketChannel):
                channel.close()
        await self._peers.close()

    def admit(self, client: str, role: Role, after: int) -> Viewer:
        """Room for ``client``. Raises RefusedError where there is none."""
        if self._is_over:
            raise RefusedError(503, "the worker ends")
        if len(self._channels) >= _places(role, self._at_most):
            raise RefusedError(503, f"{len(self._channels)} viewers are connected already")
        if not self._arrivals[role].take(1, now=asyncio.get_running_loop().time()):
            raise RefusedError(429, "too many connections are made: wait a moment")
        # Nobody can take the place, or the rights, of somebody with the other kind of link.
        return Viewer(f"{role.value}-{client}", role, after)

    async def answer(self, viewer: Viewer, sdp: str) -> RTCSessionDescription:
        """The answer to a WebRTC offer, whose channel is the viewer's. Raises OfferError."""
        return await self._peers.answer(
            sdp,
            lambda channel: self.attach(viewer, channel),
            at_most=_places(viewer.role, MAX_PEERS),
        )

    def attach(self, viewer: Viewer, channel: DataChannel) -> None:
        """Have ``channel`` told of the run, until it closes."""
        if self._is_over and isinstance(channel, WebSocketChannel):
            channel.close()  # it was let in before
            return
        may_control = viewer.role is Role.CONTROL
        self._channels.add(channel)
        self._current[viewer.client_id] = channel
        channel.on("close", lambda: self._closed(viewer.client_id, channel))
        # Who may only watch has nothing to say: all of them together may send what one may. What a
        # browser sends by itself counts for each, and so do frames that never become a message.
        own = TextLimit(CONTROL_FACTOR if may_control else 1)
        texts = TextLimit(CONTROL_FACTOR) if may_control else self._watchers_texts
        now = asyncio.get_running_loop().time

        def limited(event: str, takes: Callable[..., bool]) -> None:
            def came(*data: Any) -> None:
                if not takes(*data):
                    self._flooded(viewer, channel)

            channel.on(event, came)

        limited("message", lambda data: texts.takes(_size(data), now=now()))
        limited("control", lambda: own.takes(0, now=now()))
        limited("bytes", lambda size: own.takes_bytes(size, now=now()))
        attach(
            self._supervisor,
            client_id=viewer.client_id,
            channel=channel,
            accept_control=False,  # the worker decides about an order
            accept_texts=may_control,
            after=viewer.after,
        )

    def _flooded(self, viewer: Viewer, channel: DataChannel) -> None:
        is_known = channel in self._channels
        if is_known:
            log.warning("viewer %s sends far too much: its connection is closed", viewer.client_id)
            self._closed(viewer.client_id, channel)
        if isinstance(channel, WebSocketChannel):
            channel.abort()  # also one that is being closed
        elif is_known:
            self._peers.drop(channel)

    def _closed(self, client_id: str, channel: DataChannel) -> None:
        self._channels.discard(channel)
        # Not the client that has come again with another channel.
        if self._current.get(client_id) is channel:
            del self._current[client_id]
            self._supervisor.tell(DetachClient(client_id=client_id))

    async def _tell_alive(self) -> None:
        while True:
            await asyncio.sleep(self._alive_interval)
            for channel in list(self._channels):
                if channel.readyState == "open" and not channel.bufferedAmount:
                    try:
                        channel.send(ALIVE)
                    except Exception as error:
                        log.debug("a viewer takes no sign of life: %r", error)


def _size(data: str | bytes) -> int:
    return text_bytes(data) if isinstance(data, str) else len(data)


def _places(role: Role, places: int) -> int:
    """Whoever may stop the training finds a place, however many watch it."""
    return places if role is Role.CONTROL else places - places // 4
