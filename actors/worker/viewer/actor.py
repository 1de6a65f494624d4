"""The signaling actor: owns the server of the page and of the viewers' connections.

It runs on the event loop, where the server and the viewers' channels live.
"""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, assert_never
from urllib.parse import quote

from actors.runtime import LoopActor, TypedRef, reply, starter
from actors.worker.viewer.addresses import bracketed, host_for_others, look_up
from actors.worker.viewer.server import CertificateError, ViewerServer
from actors.zmq_sockets import who_listens_at
from messages import (
    AttachClient,
    ChildDown,
    DetachClient,
    GetBatches,
    GetDigest,
    Mailbox,
    ServingFailed,
    ServingStarted,
    ServingStopped,
    SignalingMessage,
    StartServing,
    StopServing,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from actors.worker.viewer.settings import ViewerSettings
    from messages import ArchiveMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class _Started:
    """The server listens at ``port``, and links name it ``host``; or ``reason`` says why not."""

    port: int
    host: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Closed:
    """The server and all that was connected to it are closed."""


_Inbox: TypeAlias = SignalingMessage | _Started | _Closed


class SignalingActor(LoopActor[SignalingMessage]):
    """Takes ``SignalingMessage``; ends when it is stopped, and with it all connections."""

    name = "signaling"

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        parent: Mailbox[ChildDown],
        supervisor: Mailbox[AttachClient | DetachClient],
        digest: Mailbox[GetBatches | GetDigest],
        archive: Mailbox[ArchiveMessage] | None = None,
        settings: ViewerSettings,
    ) -> None:
        super().__init__(loop)
        self.parent = parent
        self._settings = settings
        self._server = ViewerServer(settings, supervisor, digest, archive)
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._task: asyncio.Task[None] | None = None
        self._start: StartServing | None = None
        self._stops: list[StopServing] = []
        self._closed = False

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case StartServing():
                self._begin(message)
            case StopServing():
                self._end_serving(message)
            case _Started():
                self._listens(message)
            case _Closed():
                self._have_closed()
            case _:
                assert_never(message)

    def release(self) -> Future[None] | None:
        """Close the server, unless it is closed or its event loop is."""
        if self._closed or self._loop.is_closed():
            return None
        return asyncio.run_coroutine_threadsafe(self._server.close(), self._loop)

    def _begin(self, message: StartServing) -> None:
        if self._start is not None or self._closed:
            reply(message.reply_to, ServingFailed(reason="the page is served already, or was"))
            return
        self._start = message
        self._task = self._loop.create_task(self._listen(), name="signaling")

    async def _listen(self) -> None:
        try:
            port = await self._server.start()
            self._me.tell(_Started(port=port, host=await self._name(), reason=None))
        except (OSError, CertificateError) as error:
            reason = await asyncio.to_thread(_why_not_served, self._settings, error)
            self._me.tell(_Started(port=0, host="", reason=reason))

    async def _name(self) -> str:
        """What links name as the host; this machine's name where no name server answers in time."""
        host = self._settings.host
        try:
            return await look_up(
                lambda: host_for_others(host), "whether this machine's name leads here"
            )
        except OSError:
            return self._settings.host_name or "127.0.0.1"

    def _listens(self, message: _Started) -> None:
        assert self._start is not None
        if message.reason is not None:
            reply(self._start.reply_to, ServingFailed(reason=message.reason))
            return
        access = self._settings.access
        watch = access.read_only_token
        reply(
            self._start.reply_to,
            ServingStarted(
                link=self._link(message, access.token),
                read_only_link=None if watch is None else self._link(message, watch),
                port=message.port,
            ),
        )

    def _link(self, started: _Started, token: str) -> str:
        # In the fragment, which browsers send to nobody.
        scheme = "http" if self._settings.certfile is None else "https"
        where = f"{scheme}://{bracketed(started.host)}:{started.port}"
        return f"{where}/#token={quote(token, safe='')}"

    def _end_serving(self, message: StopServing) -> None:
        self._stops.append(message)
        if self._closed:
            self._have_closed()
        elif len(self._stops) == 1:
            self._task = self._loop.create_task(self._close(), name="signaling")

    async def _close(self) -> None:
        try:
            await self._server.close()
        finally:
            self._me.tell(_Closed())

    def _have_closed(self) -> None:
        self._closed = True
        stops, self._stops = self._stops, []
        for stop in stops:
            reply(stop.reply_to, ServingStopped())


def _why_not_served(settings: ViewerSettings, error: Exception) -> str:
    """A human-readable reason; it may ask the system, so it is not for the event loop's thread."""
    where = f"the page cannot be served at {settings.host}:{settings.port}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        by_whom = who_listens_at(settings.host, settings.port)
        return f"{where}: the port is in use{by_whom}: --port 0 takes a free one"
    return f"{where}: {error}"


spawn = starter(SignalingActor)
