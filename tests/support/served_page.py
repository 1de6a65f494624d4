"""A page that is served, and clients of it that are no browser."""

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp

from actors import spawn_supervisor
from actors.runtime import FutureMailbox
from actors.worker import archive, digest, viewer
from actors.worker.outputs import LocalChannel, Runs
from actors.worker.viewer import Access, ViewerSettings
from actors.worker.viewer.access import TOKEN_HEADER
from messages import (
    EVENTS_PROTOCOL,
    PAGES_PROTOCOL,
    AttachClient,
    ClientStatus,
    GetStatus,
    JobOutcome,
    ServingFailed,
    ServingStarted,
    StartReporting,
    StartServing,
    StopReporting,
    StopServing,
    decode_report,
)
from tests.support.addresses import parts_of
from tests.support.probe import Probe
from tests.support.reporting import trainer_for
from tests.support.settings import on_free_ports
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE

TOKEN, WATCH = "a token of the tests", "a token that may watch"


async def answer(ask: Any) -> Any:
    """The answer to what ``ask`` tells."""
    found: FutureMailbox[Any] = FutureMailbox()
    ask(found)
    return await asyncio.wait_for(asyncio.wrap_future(found.future), PATIENCE)


class Served:
    """The page's server and the reporter behind it; ``owner`` is the supervisor's.

    With ``runs`` those are what can be compared.
    """

    def __init__(self, runs: Runs | None = None, **settings: Any) -> None:
        self.owner: Probe[Any] = Probe()
        self.parent: Probe[Any] = Probe()
        loop = asyncio.get_running_loop()
        self.supervisor = spawn_supervisor(
            loop=loop,
            owner=self.owner,
            settings=on_free_ports(),
        )
        self.digest = digest.spawn(parent=self.parent)
        channel = LocalChannel(self.digest, loop=loop, protocol=PAGES_PROTOCOL)
        self.supervisor.tell(AttachClient(channel=channel, client_id="digest", after=0))
        self.archive = None if runs is None else archive.spawn(parent=self.parent, runs=runs)
        given = {"access": Access(TOKEN, WATCH), "port": 0, "title": "a run", **settings}
        self.actor = viewer.spawn(
            loop=loop,
            parent=self.parent,
            supervisor=self.supervisor,
            digest=self.digest,
            archive=self.archive,
            settings=ViewerSettings(**given),
        )
        self.started: ServingStarted | ServingFailed | None = None
        self.base = ""

    async def start(self) -> None:
        """Serve the page."""
        self.started = await answer(lambda to: self.actor.tell(StartServing(reply_to=to)))
        if isinstance(self.started, ServingStarted):
            self.base = parts_of(self.started.link)[0]

    @asynccontextmanager
    async def training(self):
        """A job that is reported, and its trainer."""
        ready = await answer(
            lambda to: self.supervisor.tell(StartReporting(job_id="job", gui=True, reply_to=to))
        )
        trainer: StandInTrainer = await asyncio.to_thread(trainer_for, ready)
        try:
            yield trainer
        finally:
            trainer.close()
            await answer(
                lambda to: self.supervisor.tell(
                    StopReporting(job_id="job", outcome=JobOutcome.COMPLETED, reply_to=to)
                )
            )

    @asynccontextmanager
    async def visitor(
        self, token: str | None = TOKEN, headers: dict[str, str] | None = None, **options: Any
    ):
        """A client session that sends ``token``, as the page does."""
        shown = {} if token is None else {TOKEN_HEADER: quote(token)}
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(
            f"{self.base}/", headers={**shown, **(headers or {})}, timeout=timeout, **options
        ) as session:
            yield session

    async def instance(self, session: aiohttp.ClientSession) -> str:
        """What the page learns of the worker's instance."""
        async with session.get("session") as response:
            return str((await response.json())["instance"])

    @asynccontextmanager
    async def websocket(self, session: aiohttp.ClientSession, client: str, after: int = 0):
        """A viewer over a WebSocket."""
        query = {"client": client, "after": str(after), "instance": await self.instance(session)}
        async with session.ws_connect("ws", params=query, protocols=(EVENTS_PROTOCOL,)) as socket:
            yield Viewer(socket)

    async def clients(self) -> tuple[ClientStatus, ...]:
        """The viewers that have a channel."""
        status = await answer(lambda to: self.supervisor.tell(GetStatus(reply_to=to)))
        viewers = (c for c in status.clients if c.client_id != "digest")
        return tuple(c for c in viewers if c.channel_state != "closed")

    async def stop(self) -> None:
        """End the service; what the channels hold is delivered."""
        await answer(lambda to: self.actor.tell(StopServing(reply_to=to)))

    async def end(self) -> None:
        """Take all down."""
        assert await self.supervisor.stop_async(timeout=PATIENCE)
        await self.stop()
        self.actor.end()
        self.digest.end()
        if self.archive is not None:
            self.archive.end()
            await asyncio.to_thread(self.parent.get)
        await asyncio.to_thread(self.parent.get)
        await asyncio.to_thread(self.parent.get)


class Viewer:
    """The other end of a viewer's WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.position = 0

    async def messages(self, count: int) -> list[str]:
        """The next reports and events, without the clock's and signs of life."""
        found: list[str] = []
        while len(found) < count:
            text = await asyncio.wait_for(self.socket.receive_str(), PATIENCE)
            message = decode_report(text)
            assert message is not None
            fields = json.loads(message) if "__meta__" in message else {}
            if fields.get("event") == "clock":
                self.position = fields["position"] - 1
            elif fields.get("event") != "alive":
                self.position += 1
                found.append(message)
        return found
