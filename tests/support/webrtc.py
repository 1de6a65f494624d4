"""A client at the other end of a real WebRTC data channel, both peers on the test's event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection

from actors import ReporterSettings, SupervisorRef, attach, spawn_supervisor
from messages import (
    JobOutcome,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    StartReporting,
    StopReporting,
)
from tests.support.probe import Probe
from tests.support.reporting import trainer_for
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE


class WebRtcClient:
    """Entering connects; no STUN server is asked. ``announced`` gets the worker's end."""

    def __init__(self, announced: Callable[[RTCDataChannel], None], *early: str) -> None:
        self._announced = announced
        self._early = early
        self._client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._worker = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._opened = asyncio.Event()
        self._news = asyncio.Event()
        self.texts: list[str] = []
        self.channel = self._client.createDataChannel("training")

    async def __aenter__(self) -> Self:
        @self.channel.on("open")
        def opened() -> None:
            for text in self._early:
                self.channel.send(text)
            self._opened.set()

        @self.channel.on("message")
        def received(text: str) -> None:
            self.texts.append(text)
            self._news.set()

        self._worker.on("datachannel", self._announced)
        await self._client.setLocalDescription(await self._client.createOffer())
        await self._worker.setRemoteDescription(self._client.localDescription)
        await self._worker.setLocalDescription(await self._worker.createAnswer())
        await self._client.setRemoteDescription(self._worker.localDescription)
        async with asyncio.timeout(PATIENCE):
            await self._opened.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._worker.close()

    def send(self, text: str) -> None:
        """Send ``text`` to the worker."""
        self.channel.send(text)

    async def wait_for(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """What has been received, as soon as ``condition`` holds of it."""
        async with asyncio.timeout(PATIENCE):
            while not condition(self.texts):
                self._news.clear()
                await self._news.wait()
        return list(self.texts)


async def told(probe: Any, kind: type[Any]) -> Any:
    """The probe's next message of type ``kind``, waited for off the event loop."""
    return await asyncio.to_thread(probe.wait_for, kind)


@asynccontextmanager
async def reporting(
    owner: Probe[Any], settings: ReporterSettings
) -> AsyncIterator[tuple[SupervisorRef, StandInTrainer]]:
    """A supervisor on the test's own event loop that reports a job, and a trainer."""
    supervisor = spawn_supervisor(loop=asyncio.get_running_loop(), owner=owner, settings=settings)
    try:
        supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=owner))
        ready = await told(owner, ReportingReady)
        trainer = await asyncio.to_thread(trainer_for, ready)
        try:
            yield supervisor, trainer
        finally:
            trainer.close()
    finally:
        assert await asyncio.to_thread(supervisor.stop, timeout=PATIENCE)


def attached(
    supervisor: SupervisorRef, client_id: str = "alice"
) -> Callable[[RTCDataChannel], None]:
    """What a worker does in its ``datachannel`` callback."""
    return lambda channel: attach(supervisor, client_id=client_id, channel=channel)


async def stopped(supervisor: SupervisorRef, owner: Probe[Any]) -> ReportingSummary:
    """The summary of the job, when its report has been stopped."""
    supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=owner))
    return (await told(owner, ReportingStopped)).summary
