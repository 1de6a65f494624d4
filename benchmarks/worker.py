"""The worker's process: a subject between a trainer and clients, or one of the limits."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import Any, Final

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from benchmarks.load import message
from benchmarks.processes import serve
from benchmarks.subjects import SUBJECTS, Subject

HEARTBEAT: Final = 0.005
"""Seconds between two beats; what is more is a turn of the event loop that held up all others."""

HIGH_WATER: Final = 16 * 1024


class Worker:
    """Any number of jobs, each with a reporter and any number of clients."""

    def __init__(self, subject: str) -> None:
        self._make = SUBJECTS.get(subject)
        self._jobs: dict[str, Subject] = {}
        self._peers: list[RTCPeerConnection] = []
        self._channels: list[Any] = []
        self._longest = 0.0
        self._beat: asyncio.Task[None] | None = None

    async def _heartbeat(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(HEARTBEAT)
            self._longest = max(self._longest, time.monotonic() - began - HEARTBEAT)

    async def longest_turn(self) -> float:
        """The longest turn of the event loop since the last question, in seconds.

        The first question begins to measure; what measures costs CPU time itself.
        """
        self._beat = self._beat or asyncio.create_task(self._heartbeat())
        longest, self._longest = self._longest, 0.0
        return longest

    async def start(self, job: str, control: int, progress: int) -> float:
        """Start to report ``job``; the seconds that took."""
        assert self._make is not None
        began = time.monotonic()
        self._jobs[job] = self._make()
        await self._jobs[job].start(control, progress)
        return time.monotonic() - began

    async def stop(self, job: str) -> float:
        """Stop it; the seconds that took."""
        began = time.monotonic()
        await self._jobs.pop(job).stop()
        return time.monotonic() - began

    async def switch(self, job: str) -> float:
        """Go on with the next job of a pipeline; the seconds that took."""
        began = time.monotonic()
        await self._jobs[job].switch()
        return time.monotonic() - began

    async def cycles(self, count: int, control: int, progress: int) -> list[list[float]]:
        """Start and stop ``count`` times: the seconds of each start and stop."""
        return [
            [await self.start("cycle", control, progress), await self.stop("cycle")]
            for _ in range(count)
        ]

    async def offer(self, job: str | None, client: str, sdp: str) -> str:
        """The answer to a client's offer; its channel is given to the job."""
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peers.append(peer)

        @peer.on("datachannel")
        def announced(channel: Any) -> None:
            self._channels.append(channel)
            if job is not None:
                self._jobs[job].add(client, channel)

        await peer.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return peer.localDescription.sdp

    # The limit: aiortc alone

    async def send(self, rate: float, seconds: float) -> dict[str, Any]:
        """Send messages over the channel, evenly and without a trainer."""
        channel, began = self._channels[-1], time.monotonic()
        for number in range(int(rate * seconds)):
            delay = began + number / rate - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            channel.send("PROGRESS_REPORT::" + message(number))
            if number % 64 == 63:
                await asyncio.sleep(0)
        count = int(rate * seconds)
        return {"first": 0, "last": count - 1, "count": count, "late": 0.0}

    async def burst(self, count: int, paced: bool) -> dict[str, Any]:
        """Hand over ``count`` messages all at once, or as the channel has room."""
        channel, began = self._channels[-1], time.monotonic_ns()
        low = asyncio.Event()
        channel.bufferedAmountLowThreshold = HIGH_WATER // 4
        channel.on("bufferedamountlow", low.set)
        for number in range(count):
            channel.send("PROGRESS_REPORT::" + message(number))
            if paced and channel.bufferedAmount > HIGH_WATER:
                low.clear()
                if channel.bufferedAmount > channel.bufferedAmountLowThreshold:
                    await low.wait()
        return {"first": 0, "last": count - 1, "count": count, "began": began}


async def main() -> None:
    """Serve one measurement of the subject that the command line names."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    worker = Worker(sys.argv[1])
    names = ("longest_turn", "start", "stop", "switch", "cycles", "offer", "send", "burst")
    await serve({name: getattr(worker, name) for name in names})


if __name__ == "__main__":
    asyncio.run(main())
