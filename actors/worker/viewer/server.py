"""ViewerServer: the page and the viewers' connections over HTTP, on the event loop's thread.

``GET /`` is the page, ``GET /session`` what it needs to know, ``GET /digest`` the run so far,
``GET /batches`` more of its batch losses where somebody looks closely,
``GET /runs`` the runs that are kept and ``GET /runs/NAME`` the epochs of one, for who may control;
``POST /offer`` answers a WebRTC offer, and ``GET /ws`` carries over a WebSocket what a data channel
would carry. All need the token but the page's own files, which hold no secret and are there for
everybody.
"""

from __future__ import annotations

import asyncio
import errno
import html
import json
import logging
import re
import ssl
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlencode

from aiohttp import web

from actors.runtime import FutureMailbox, TokenBucket
from actors.worker.bounded import within_loop
from actors.worker.viewer import files
from actors.worker.viewer.access import TOKEN_PROTOCOL, RefusedError, Role, offered_protocols
from actors.worker.viewer.connections import HEAD_TIMEOUT, KEEP_ALIVE, HttpConnections
from actors.worker.viewer.peers import OfferError
from actors.worker.viewer.viewers import ALIVE_INTERVAL, MAX_VIEWERS, Viewer, Viewers
from actors.worker.viewer.websocket import WebSocketChannel
from messages import (
    CANCEL_ORDER,
    EVENT_MARK,
    EVENTS_PROTOCOL,
    PAGES_PROTOCOL,
    PIECE_PREFIX,
    STOP_ORDER,
    DetachClient,
    GetBatches,
    GetDigest,
    GetEpochs,
    GetRuns,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from actors.worker.viewer.access import Access
    from messages import (
        ArchiveMessage,
        AttachClient,
        BatchesTaken,
        DigestTaken,
        EpochsTaken,
        Mailbox,
        RunsTaken,
    )

log = logging.getLogger(__name__)

MAX_BODY: Final = 64 * 1024
"""Bytes of an offer, which has a few thousand, and of a message of a client."""

HEARTBEAT: Final = 15.0
"""Seconds between two pings of a WebSocket; one that does not answer is closed."""

BODY_TIMEOUT: Final = 10.0
"""Seconds that an offer may take to arrive."""

DIGEST_TIMEOUT: Final = 5.0
"""Seconds that telling the run may take: a tenth of one, and longer while a recording is read."""

ARCHIVE_TIMEOUT: Final = 20.0
"""Seconds that reading another run may take: a journal of a gigabyte takes some ten."""

LOOKS: Final = 50
LOOKS_RATE: Final = 5.0
"""Parts of a curve that the viewers of a kind may ask for at once, and a second in the long run: a
page asks for three a second at most, and each costs 10 ms of CPU time."""

MAX_ASKED: Final = 6
"""Requests for other runs that wait: a page asks for five and the list."""

CLOSE_TIMEOUT: Final = 5.0
"""Seconds that requests may take to end when the server ends."""

LINGER: Final = 2.0
"""Seconds that a refused request's body is read on, so that its sender sees the answer."""

_NOT_TOLD: Final = "the worker does not get to telling the run so far"
_OTHER: Final = "the worker has been started again"

_CLIENT: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")

_PLACE: Final = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)
"""Numbers of an epoch and of a batch in it."""

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_NOT_KNOWN: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="dark light">
<title>No access</title><main><h1>No access</h1><p>{}.</p></main></html>"""

_PROTOCOLS: Final = (PAGES_PROTOCOL, EVENTS_PROTOCOL)
"""The sub-protocols of a viewer's channel."""

_FOR_EVERYBODY: Final = frozenset({"/", *(route.path for route in files.routes())})
"""The page's own files; all else needs the token."""

_T = TypeVar("_T")

_ROLE: Final = web.RequestKey("role", Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerSettings:
    """Where the page is served, and to whom.

    ``port`` 0 takes a free one, and so does one that is in use with ``free_port_if_in_use``.
    ``title`` is the training's command, ``host_name`` this machine's.
    """

    access: Access
    host: str = "127.0.0.1"
    port: int = 8765
    free_port_if_in_use: bool = False
    ice_servers: tuple[str, ...] = ()
    certfile: Path | None = None
    keyfile: Path | None = None
    title: str = ""
    host_name: str = ""
    version: str = ""
    replay: bool = False
    alive_interval: float = ALIVE_INTERVAL
    head_timeout: float = HEAD_TIMEOUT
    max_viewers: int = MAX_VIEWERS


class CertificateError(Exception):
    """The certificate, or its key, cannot be used."""


@dataclass(slots=True)
class ViewerServer:
    """Started once and closed once. ``supervisor`` is given the viewers' channels."""

    settings: ViewerSettings
    supervisor: Mailbox[AttachClient | DetachClient]
    digest: Mailbox[GetBatches | GetDigest]
    archive: Mailbox[ArchiveMessage] | None = None
    instance: str = field(default_factory=lambda: uuid.uuid4().hex)
    _viewers: Viewers = field(init=False)
    _starting: asyncio.Task[Any] | None = None
    _runner: web.AppRunner | None = None
    _connections: HttpConnections | None = None
    _asked_archive: int = 0
    _looks: dict[Role, TokenBucket] = field(
        default_factory=lambda: {r: TokenBucket(rate=LOOKS_RATE, burst=LOOKS) for r in Role}
    )

    def __post_init__(self) -> None:
        """Make what needs an event loop."""
        self._viewers = Viewers(
            self.supervisor,
            ice_servers=self.settings.ice_servers,
            at_most=self.settings.max_viewers,
            alive_interval=self.settings.alive_interval,
        )

    async def start(self) -> int:
        """Listen; the port. Raises OSError, or CertificateError."""
        self._starting = asyncio.current_task()
        context = await _tls(self.settings)
        application = web.Application(middlewares=[self._guard], client_max_size=MAX_BODY)
        application.add_routes(
            [
                web.get("/", self._page),
                *files.routes(),
                web.get("/session", self._session),
                web.get("/digest", self._digest),
                web.get("/batches", self._batches),
                web.get("/runs", self._runs),
                web.get("/runs/{name}", self._epochs),
                web.post("/offer", self._offer),
                web.get("/ws", self._websocket),
            ]
        )
        application.on_response_prepare.append(self._complete)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=LINGER,
            shutdown_timeout=CLOSE_TIMEOUT,
            handler_cancellation=True,
            auto_decompress=False,  # the page compresses nothing, and a bomb is compressed
        )
        await self._runner.setup()
        assert self._runner.server is not None
        self._connections = connections = HttpConnections(
            self._runner.server, tls=context, head_timeout=self.settings.head_timeout
        )
        host, port = self.settings.host, self.settings.port
        try:
            port = await connections.listen(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not self.settings.free_port_if_in_use:
                raise
            port = await connections.listen(host, 0)
        self._viewers.start()
        self._starting = None
        return port

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

    # Authorization

    @web.middleware
    async def _guard(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        try:
            role = self._let_in(request)
            if role is not None:
                request[_ROLE] = role
            return await handler(request)
        except RefusedError as refusal:
            if request.path == "/":
                text = _NOT_KNOWN.format(html.escape(str(refusal)))
                return web.Response(status=refusal.status, text=text, content_type="text/html")
            return _error(refusal.status, str(refusal))
        except web.HTTPException as error:
            return _error(error.status, error.reason)
        except ConnectionError:
            raise  # it is gone
        except Exception as error:  # what aiohttp raises for a half-valid request may be anything
            log.warning("%s %s failed: %r", request.method, request.path, error)
            return _error(400, f"the request cannot be handled: {error!r:.200}")

    def _let_in(self, request: web.Request) -> Role | None:
        """What the request's token permits, where one is needed. Raises RefusedError."""
        assert self._connections is not None
        access, role = self.settings.access, None
        try:
            access.check_host(request.headers)
            if request.path not in _FOR_EVERYBODY:
                access.check_origin(request.headers)
                role = access.check_token(request.headers)
        finally:
            self._connections.heard(request, role)
        return role

    async def _complete(self, request: web.Request, response: web.StreamResponse) -> None:
        """Called before an answer is sent: browsers' rules for it, and the end behind a refusal."""
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if response.status >= 400:
            assert self._connections is not None
            self._connections.refused(request)
            response.force_close()
            response.headers["Connection"] = "close"

    # The page

    async def _page(self, request: web.Request) -> web.StreamResponse:
        """The page; a link with the token in its query is moved to where no server sees it.

        Other tokens in a query are of others, as of a Jupyter server in between.
        """
        token = request.query.get("token")
        if self.settings.access.role_of(token) is None:
            return await files.page(request)
        rest = [(name, value) for name, value in request.query.items() if name != "token"]
        where = f"./{'?' if rest else ''}{urlencode(rest)}#token={quote(token or '', safe='')}"
        return web.Response(status=303, headers={"Location": where})

    async def _session(self, request: web.Request) -> web.StreamResponse:
        may_control = request[_ROLE] is Role.CONTROL and not self.settings.replay
        may_compare = self.archive is not None and request[_ROLE] is Role.CONTROL
        return web.json_response(
            session_of(
                self.settings,
                instance=self.instance,
                may_control=may_control,
                may_compare=may_compare,
            )
        )

    async def _digest(self, _: web.Request) -> web.StreamResponse:
        answer: FutureMailbox[DigestTaken] = FutureMailbox()
        self.digest.tell(GetDigest(reply_to=answer))
        try:
            taken = await asyncio.wait_for(asyncio.wrap_future(answer.future), DIGEST_TIMEOUT)
        except TimeoutError:
            reading = self.settings.replay
            text = "the worker is still reading the run" if reading else _NOT_TOLD
            raise RefusedError(503, text) from None
        headers = {"X-Unpacked-Length": str(taken.size), "X-Instance": self.instance}
        return _packed(taken.packed, headers)

    async def _batches(self, request: web.Request) -> web.StreamResponse:
        answer: FutureMailbox[BatchesTaken] = FutureMailbox()
        question = self._question(request, answer)
        if not self._looks[request[_ROLE]].take(1, now=asyncio.get_running_loop().time()):
            raise RefusedError(429, "too much of the curves is asked for: wait a moment")
        self.digest.tell(question)
        try:
            taken = await asyncio.wait_for(asyncio.wrap_future(answer.future), DIGEST_TIMEOUT)
        except TimeoutError:
            raise RefusedError(503, _NOT_TOLD) from None
        if taken.packed is None:
            raise RefusedError(404, "the worker no longer knows this model")
        return _packed(taken.packed)

    def _question(self, request: web.Request, reply_to: FutureMailbox[BatchesTaken]) -> GetBatches:
        """What batches are asked for. Raises RefusedError."""
        query = request.query
        first, last = (_PLACE.fullmatch(query.get(name, "")) for name in ("from", "to"))
        model = query.get("model", "")
        if first is None or last is None or not re.fullmatch(r"[0-9]{1,18}", model):
            raise RefusedError(400, "say the model, and from and to as EPOCH-BATCH")
        if query.get("instance") != self.instance:
            raise RefusedError(409, _OTHER)
        return GetBatches(
            position=int(model),
            first=(int(first[1]), int(first[2])),
            last=(int(last[1]), int(last[2])),
            reply_to=reply_to,
        )

    # Other runs

    async def _runs(self, request: web.Request) -> web.StreamResponse:
        answer: FutureMailbox[RunsTaken] = FutureMailbox()
        taken = await self._ask_archive(request, GetRuns(reply_to=answer), answer)
        return web.Response(body=taken.json, content_type="application/json", charset="utf-8")

    async def _epochs(self, request: web.Request) -> web.StreamResponse:
        answer: FutureMailbox[EpochsTaken] = FutureMailbox()
        question = GetEpochs(name=request.match_info["name"], reply_to=answer)
        taken = await self._ask_archive(request, question, answer)
        if taken.packed is None:
            raise RefusedError(404, "there is no such run, or it cannot be read")
        return _packed(taken.packed)

    async def _ask_archive(
        self, request: web.Request, question: ArchiveMessage, answer: FutureMailbox[_T]
    ) -> _T:
        """What comes to ``answer``. Raises RefusedError."""
        if request[_ROLE] is not Role.CONTROL:
            raise RefusedError(403, "this link is for watching this run only")
        if self.archive is None:
            raise RefusedError(404, "no runs are kept here")
        if self._asked_archive >= MAX_ASKED:
            raise RefusedError(503, "other runs are being read: wait a moment")
        self._asked_archive += 1
        future = asyncio.wrap_future(answer.future)
        future.add_done_callback(lambda _: self._answered())  # also when nobody waits any more
        self.archive.tell(question)
        try:
            return await asyncio.wait_for(asyncio.shield(future), ARCHIVE_TIMEOUT)
        except TimeoutError:
            text = "the run is not read in time: its disk is slow"
            raise RefusedError(503, text) from None

    def _answered(self) -> None:
        self._asked_archive -= 1

    # The viewers

    async def _offer(self, request: web.Request) -> web.StreamResponse:
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
            answer = await self._viewers.answer(viewer, sdp)
        except OfferError as error:
            raise RefusedError(503, str(error)) from error
        return web.json_response({"sdp": answer.sdp, "type": answer.type})

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        try:
            viewer = self._viewer(request, dict(request.query))
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
        assert self._connections is not None
        channel = WebSocketChannel(socket, request.transport)
        self._connections.stays(request, channel.came)
        self._viewers.attach(viewer, channel)
        await channel.run()
        return socket

    def _viewer(self, request: web.Request, fields: dict[str, Any]) -> Viewer:
        """Who asks to be connected. Raises RefusedError, ValueError, KeyError, TypeError."""
        client, after = str(fields["client"]), int(fields["after"])
        if not _CLIENT.fullmatch(client) or after < 0:
            raise ValueError("client or after")
        if fields["instance"] != self.instance:
            raise RefusedError(409, _OTHER)
        return self._viewers.admit(client, request[_ROLE], after)


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


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


def _packed(json: bytes, headers: dict[str, str] | None = None) -> web.Response:
    """An answer of JSON that is packed with gzip."""
    return web.Response(
        body=json,
        content_type="application/json",
        charset="utf-8",
        headers={"Content-Encoding": "gzip", **(headers or {})},
    )


def session_of(
    settings: ViewerSettings, *, instance: str, may_control: bool, may_compare: bool = False
) -> dict[str, Any]:
    """What the page needs to know of the worker."""
    return {
        "instance": instance,
        "may_control": may_control,
        "may_compare": may_compare,
        "replay": settings.replay,
        "host": settings.host_name,
        "title": settings.title,
        "version": settings.version,
        "time": time.time(),
        "ice_servers": [{"urls": url} for url in settings.ice_servers],
        # What both sides know stands on this one alone.
        "wire": {
            "protocol": PAGES_PROTOCOL,
            "piece_prefix": PIECE_PREFIX,
            "event_mark": EVENT_MARK,
            "stop": STOP_ORDER,
            "cancel": CANCEL_ORDER,
            "alive_interval": settings.alive_interval,
        },
    }
