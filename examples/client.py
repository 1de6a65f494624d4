"""Both examples' client, the connection to it, and their trainer's command.

In a real installation these are programs of their own. The client is elsewhere, and its offer and
the worker's answer go through a server that both can reach; the trainer is ``sleap-nn train``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Final

from aiortc import RTCConfiguration, RTCPeerConnection

from messages.wire import decode_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import RTCDataChannel

TIMEOUT: Final = 120.0
"""Seconds: far beyond what connecting, or one training of an example, takes."""

EPOCHS: Final = {"job-1": 2, "job-2": 10_000}
"""The two trainings; the client stops the second one."""


def new_peer() -> RTCPeerConnection:
    """One end of a connection on this machine: no STUN server is asked."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


class Client:
    """Receives reports over its data channel."""

    def __init__(self) -> None:
        self.peer = new_peer()
        self.events: list[str] = []
        self._changed = asyncio.Event()
        self._channel = self.peer.createDataChannel("training")
        self._channel.on("message", self._take)

    async def watch(self) -> None:
        """See the first training to its end, and stop the second one when it begins."""
        async with asyncio.timeout(TIMEOUT):
            await self._sees("train_begin", times=2)
            self._channel.send('CONTROL_COMMAND::{"command": "stop"}')
            await self._sees("train_end", times=2)

    async def _sees(self, event: str, *, times: int) -> None:
        while self.events.count(event) < times:
            self._changed.clear()
            await self._changed.wait()

    def _take(self, text: str) -> None:
        report = decode_report(text)
        if report is not None:
            self.events.append(json.loads(report)["event"])
            self._changed.set()


async def connect(client: Client, announced: Callable[[RTCDataChannel], None]) -> RTCPeerConnection:
    """The worker's end of a connection; ``announced`` gets its end of the data channel.

    Returns when that has happened. Raises TimeoutError when it does not happen.
    """
    worker, there = new_peer(), asyncio.Event()

    @worker.on("datachannel")
    def take(channel: RTCDataChannel) -> None:
        announced(channel)  # at once: what the client sends before somebody listens is lost
        there.set()

    await client.peer.setLocalDescription(await client.peer.createOffer())
    await worker.setRemoteDescription(client.peer.localDescription)
    await worker.setLocalDescription(await worker.createAnswer())
    await client.peer.setRemoteDescription(worker.localDescription)
    async with asyncio.timeout(TIMEOUT):
        await there.wait()
    return worker


def trainer_command(job: str, control_address: str, progress_address: str) -> list[str]:
    """A small trainer that connects its two sockets as sleap-nn does."""
    return [
        *(sys.executable, "-m", "actors.worker.trainer.embedded", "--epochs", str(EPOCHS[job])),
        *("--control-port", control_address.rpartition(":")[2]),
        *("--progress-port", progress_address.rpartition(":")[2]),
    ]
