"""ViewerServer: the page over HTTP, on the event loop's thread.

Who asks for what:

    GET /                       the page; its other files are in ``files``
    GET /session                what the page needs to know of the worker
    GET /digest, /batches       ``this_run``
    GET /runs, /runs/NAME       ``other_runs``
    POST /offer, GET /ws        ``joining``

All pass the ``guard``: they need the token but the page's own files, which hold no secret and are
there for everybody. Before each there may be whatever a proxy does not strip.
"""

from __future__ import annotations

import asyncio
import errno
import re
import ssl
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from aiohttp import web

from actors.worker.bounded import within_loop
from actors.worker.viewer import files
from actors.worker.viewer.access import Role
from actors.worker.viewer.answers import ROLE
from actors.worker.viewer.connections import KEEP_ALIVE, HttpConnections
from actors.worker.viewer.guard import Guard
from actors.worker.viewer.joining import MAX_BODY, Joining
from actors.worker.viewer.other_runs import OtherRuns
from actors.worker.viewer.settings import session_of
from actors.worker.viewer.this_run import ThisRun
from actors.worker.viewer.viewers import Viewers

if TYPE_CHECKING:
    from actors.worker.viewer.settings import ViewerSettings
    from messages import (
        ArchiveMessage,
        AttachClient,
        DetachClient,
        GetBatches,
        GetDigest,
        Mailbox,
    )

CLOSE_TIMEOUT: Final = 5.0
"""Seconds that requests may take to end when the server ends."""

LINGER: Final = 2.0
"""Seconds that a refused request's body is read on, so that its sender sees the answer."""


_AT: Final = "/{prefix:(?:.*/)?}"
"""Where all addresses begin: the page's own are relative, so that they have the page's prefix."""

_FILE: Final = f"{{file:{'|'.join(map(re.escape, files.names()))}}}"


class CertificateError(Exception):
    """The certificate, or its key, cannot be used."""


class ViewerServer:
    """Started once and closed once. ``supervisor`` is given the viewers' channels."""

    def __init__(
        self,
        settings: ViewerSettings,
        supervisor: Mailbox[AttachClient | DetachClient],
        digest: Mailbox[GetBatches | GetDigest],
        archive: Mailbox[ArchiveMessage] | None = None,
    ) -> None:
        self._settings = settings
        self._instance = uuid.uuid4().hex
        self._this_run = ThisRun(digest, instance=self._instance, is_recording=settings.replay)
        self._other_runs = OtherRuns(archive)
        self._viewers = Viewers(
            supervisor,
            ice_servers=settings.ice_servers,
            at_most=settings.max_viewers,
            alive_interval=settings.alive_interval,
        )
        self._starting: asyncio.Task[Any] | None = None
        self._runner: web.AppRunner | None = None
        self._connections: HttpConnections | None = None

    async def start(self) -> int:
        """Listen; the port. Raises OSError, or CertificateError."""
        settings = self._settings
        self._starting = asyncio.current_task()
        self._connections = connections = HttpConnections(
            tls=await _tls(settings), head_timeout=settings.head_timeout
        )
        self._runner = web.AppRunner(
            self._application(connections),
            access_log=None,
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=LINGER,
            shutdown_timeout=CLOSE_TIMEOUT,
            handler_cancellation=True,
            auto_decompress=False,  # the page compresses nothing, and a bomb is compressed
        )
        await self._runner.setup()
        assert self._runner.server is not None
        try:
            port = await connections.listen(self._runner.server, settings.host, settings.port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not settings.free_port_if_in_use:
                raise
            port = await connections.listen(self._runner.server, settings.host, 0)
        self._viewers.start()
        self._starting = None
        return port

    def _application(self, connections: HttpConnections) -> web.Application:
        guard = Guard(self._settings.access, connections, (self._page, files.file))
        joining = Joining(self._viewers, connections, self._instance)
        application = web.Application(middlewares=[guard.answer], client_max_size=MAX_BODY)
        application.on_response_prepare.append(guard.complete)
        application.add_routes(
            [
                web.get(_AT, self._page),
                web.get(_AT + _FILE, files.file),
                web.get(_AT + "session", self._session),
                web.get(_AT + "digest", self._this_run.digest),
                web.get(_AT + "batches", self._this_run.batches),
                web.get(_AT + "batches/{instance}/{model}/{from}/{to}", self._this_run.batches),
                web.get(_AT + "runs", self._other_runs.listing),
                web.post(_AT + "offer", joining.offer),
                web.get(_AT + "ws", joining.websocket),
                web.get(_AT + "ws/{client}/{after}/{instance}", joining.websocket),
                # The last one: a prefix may end with "runs", and no run has a name as those above.
                web.get(_AT + "runs/{name}", self._other_runs.epochs),
            ]
        )
        return application

    async def close(self) -> None:
        """Let the channels deliver what they hold, then close all. Idempotent."""
        if self._starting is not None:
            self._starting.cancel()
        if self._connections is not None:
            self._connections.stop_listening()
        await self._viewers.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._connections is not None:
            await self._connections.close()

    async def _page(self, request: web.Request) -> web.StreamResponse:
        """The page; a link with the token in its query is moved to where no server sees it.

        Other tokens in a query are of others, as of a Jupyter server in between.
        """
        token = request.query.get("token")
        if self._settings.access.role_of(token) is None:
            return await files.page(request)
        rest = [(name, value) for name, value in request.query.items() if name != "token"]
        where = f"./{'?' if rest else ''}{urlencode(rest)}#token={quote(token or '', safe='')}"
        return web.Response(status=303, headers={"Location": where})

    async def _session(self, request: web.Request) -> web.StreamResponse:
        role = request[ROLE]
        return web.json_response(
            session_of(
                self._settings,
                instance=self._instance,
                may_control=role is Role.CONTROL and not self._settings.replay,
                may_compare=self._other_runs.may_compare(role),
            )
        )


async def _tls(settings: ViewerSettings) -> ssl.SSLContext | None:
    certificate, key = settings.certfile, settings.keyfile
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # Nobody is there who could be asked for a password.
        await within_loop(
            lambda: context.load_cert_chain(certificate, key, password=""),
            where=certificate,
        )
    except (OSError, ValueError) as error:  # SSLError is an OSError
        text = f"the certificate {certificate}, or its key, cannot be used: {error}"
        raise CertificateError(text) from error
    return context
