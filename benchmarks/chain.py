"""A chain under measurement: a trainer, a worker and clients, each a process of its own."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psutil

from benchmarks.processes import Process, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AIORTC: Final = "aiortc alone"
ZEROMQ: Final = "ZMQ alone"

QUIET: Final = 3.0
"""Seconds without a message after which the rest counts as lost."""


@dataclass
class Chain:
    """``source`` is what sends the reports, ``worker`` what stands in between, if anything does.

    ``ports`` are the control port and the progress port of each job.
    """

    client: Process
    source: Process
    worker: Process | None
    clients: list[str] = field(default_factory=list)
    ports: list[dict[str, int]] = field(default_factory=list)

    async def run(self, command: str, **fields: Any) -> tuple[dict[str, Any], list[Any]]:
        """Have the source send; what it says of it, and what the first client has received."""
        await self.client.ask("take", client=self.clients[0])
        sent = await self.source.ask(command, **fields)
        received = await self.received(sent)
        return sent, received

    async def received(self, sent: dict[str, Any]) -> list[Any]:
        """What the first client has received of what was sent: number, sent (ns), received (ns)."""
        return (await self.received_by_all(sent))[0]

    async def received_by_all(self, sent: dict[str, Any]) -> list[list[Any]]:
        """The same for each client."""
        for client in self.clients:
            await self.client.ask("wait", client=client, last=sent["last"], quiet=QUIET)
        taken = [await self.client.ask("take", client=client) for client in self.clients]
        return [[entry for entry in each if entry[0] >= sent["first"]] for each in taken]

    @property
    def middle(self) -> Process:
        """Whose CPU and memory count."""
        return self.worker or self.client


@asynccontextmanager
async def chain(subject: str, *, jobs: int = 1, clients: int = 1) -> AsyncIterator[Chain]:
    """A chain that is connected and has carried its first messages."""
    async with AsyncExitStack() as stack:

        async def begin(module: str, *arguments: str) -> Process:
            process = await Process.start(module, *arguments)
            stack.push_async_callback(process.end)
            return process

        client = await begin("client")
        if subject == ZEROMQ:
            trainer = await begin("trainer")
            (port,) = free_ports(1)
            await client.ask("subscribe", progress=port)
            await trainer.ask("connect", control=None, progress=port)
            made = Chain(client, trainer, None, ["zmq"])
        elif subject == AIORTC:
            worker = await begin("worker", subject)
            made = Chain(client, worker, worker)
            await _join(made, worker, None, "client")
        else:
            worker, trainer = await begin("worker", subject), await begin("trainer")
            made = Chain(client, trainer, worker)
            for job in range(jobs):
                ports = ports_of_job()
                made.ports.append(ports)
                await worker.ask("start", job=f"job {job}", **ports)
                # A peer binds the progress port with its first client.
                for number in range(clients):
                    await _join(made, worker, f"job {job}", f"{job}.{number}")
                await trainer.ask("connect", **ports)
        await made.run("send", rate=150, seconds=0.1)
        yield made


async def _join(made: Chain, worker: Process, job: str | None, client: str) -> None:
    offer = await made.client.ask("offer", client=client)
    answer = await worker.ask("offer", job=job, client=client, sdp=offer)
    await made.client.ask("answer", client=client, sdp=answer)
    made.clients.append(client)


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def ports_of_job() -> dict[str, int]:
    """Such ports, by what a job needs them for."""
    return dict(zip(("control", "progress"), free_ports(2), strict=True))


async def peak_memory(process: Usage, work: asyncio.Future[Any]) -> int:
    """The most memory (bytes) that the process has until ``work`` is done, or it has ended."""
    peak = process.memory()
    while not work.done():
        await asyncio.wait({work}, timeout=0.1)
        with suppress(psutil.NoSuchProcess):
            peak = max(peak, process.memory())
    return peak
