"""Joining: how a viewer comes to its channel, on the event loop's thread.

``POST /offer`` answers a WebRTC offer, and ``GET /ws`` carries over a WebSocket what a data channel
would carry. ``viewers`` says who finds room.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actors.worker.viewer.access import TOKEN_PROTOCOL, RefusedError, offered_protocols
from actors.worker.viewer.answers import ROLE, check_instance, fields_of
from actors.worker.viewer.peers import OfferError
from actors.worker.viewer.websocket import WebSocketChannel
from messages import EVENTS_PROTOCOL, PAGES_PROTOCOL

if TYPE_CHECKING:
    from actors.worker.viewer.connections import HttpConnections
    from actors.worker.viewer.viewers import Viewer, Viewers

MAX_BODY: Final = 64 * 1024
"""Bytes of an offer, which has a few thousand, and of a message of a client."""

BODY_TIMEOUT: Final = 10.0
"""Seconds that an offer may take to arrive."""

HEARTBEAT: Final = 15.0
"""Seconds between two pings of a WebSocket; one that does not answer is closed."""

_CLIENT: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")

_PROTOCOLS: Final = (PAGES_PROTOCOL, EVENTS_PROTOCOL)
"""The sub-protocols of a viewer's channel."""


@dataclass(frozen=True, slots=True)
class Joining:
    """Handlers. ``instance`` is this start of the worker's."""

    viewers: Viewers
    connections: HttpConnections
    instance: str

    async def offer(self, request: web.Request) -> web.StreamResponse:
        """The answer to a WebRTC offer."""
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                offer = json.loads(await request.text())
            sdp, kind = offer["sdp"], offer["type"]
            viewer = self._viewer(request, offer)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise RefusedError(400, f"this is not an offer: {error!r:.200}") from error
        if kind != "offer" or not isinstance(sdp, str):
            raise RefusedError(400, "this is not an offer")
        try:
            answer = await self.viewers.answer(viewer, sdp)
        except OfferError as error:
            raise RefusedError(503, str(error)) from error
        return web.json_response({"sdp": answer.sdp, "type": answer.type})

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        """A channel over a WebSocket; returns when that is closed."""
        try:
            viewer = self._viewer(request, fields_of(request))
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError(400, f"this is not a viewer's request: {error!r:.200}") from error
        offered = offered_protocols(request.headers)
        if any(o.startswith(TOKEN_PROTOCOL) for o in offered) and not {*offered} & {*_PROTOCOLS}:
            raise RefusedError(400, f"offer {' or '.join(_PROTOCOLS)} before the token")
        socket = web.WebSocketResponse(
            protocols=_PROTOCOLS,
            heartbeat=HEARTBEAT,
            autoping=False,  # each is counted
            max_msg_size=MAX_BODY,
            compress=False,  # the training needs the CPU more than the network needs the bytes
        )
        await socket.prepare(request)
        channel = WebSocketChannel(socket, request.transport)
        self.connections.stays(request, channel.came)
        self.viewers.attach(viewer, channel)
        await channel.run()
        return socket

    def _viewer(self, request: web.Request, fields: dict[str, Any]) -> Viewer:
        """Who asks to be connected. Raises RefusedError, ValueError, KeyError, TypeError."""
        client, after = str(fields["client"]), int(fields["after"])
        if not _CLIENT.fullmatch(client) or after < 0:
            raise ValueError("client or after")
        check_instance(fields["instance"], self.instance)
        return self.viewers.admit(client, request[ROLE], after)
