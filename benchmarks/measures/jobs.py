"""Many jobs, one after another or at once, and many clients."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

from benchmarks.chain import Chain, chain, ports_of_job
from benchmarks.measures.figures import MIB, OURS, Figures, delays, quantile

if TYPE_CHECKING:
    from benchmarks.measures.effort import Effort

WITH_MANY_CLIENTS: Final = (OURS, "direct")
"""sleap-rtc's reporter has one client."""

WITH_MANY_JOBS: Final = (OURS, "direct")
"""sleap-rtc's reporter binds its address a second time for the second job, which fails."""

EPOCHS: Final = 200
"""Epochs of each job of a long life."""


async def start_and_stop(subject: str, effort: Effort) -> Figures:
    """A job with a client, stopped behind a report and behind its trainer; then many cycles."""
    figures: Figures = {}
    async with chain(subject, jobs=2) as made:
        assert made.worker is not None
        sent = await made.source.ask("send", rate=100, seconds=0.3)
        figures["stop with a client, ms"] = 1e3 * float(await made.worker.ask("stop", job="job 0"))
        figures["stop with a client: reports lost"] = sent["count"] - len(await made.received(sent))
        await made.source.ask("disconnect")
        figures["stop behind the trainer's end, ms"] = 1e3 * float(
            await made.worker.ask("stop", job="job 1")
        )
        ports = ports_of_job()
        await made.worker.ask("cycles", count=5, **ports)  # what is made once is made
        before = made.worker.threads(), made.worker.descriptors(), made.worker.memory()
        times = await made.worker.ask("cycles", count=effort.cycles, **ports)
        starts, stops = zip(*times, strict=True)
        figures |= {
            "cycles: start p50, ms": 1e3 * statistics.median(starts),
            "cycles: stop p50, ms": 1e3 * statistics.median(stops),
            "cycles: stop max, ms": 1e3 * max(stops),
            "cycles: threads more": made.worker.threads() - before[0],
            "cycles: descriptors more": made.worker.descriptors() - before[1],
            "cycles: memory more, MiB": (made.worker.memory() - before[2]) / MIB,
        }
    return figures


async def many_jobs(subject: str, effort: Effort) -> Figures:
    """More and more jobs in one worker, each with 20 reports a second and a client."""
    figures: Figures = {}
    for jobs in effort.jobs:
        async with chain(subject, jobs=jobs) as made:
            figures |= await _share(made, 20, effort, jobs, "job", f"{jobs} jobs")
    return figures


async def many_clients(subject: str, effort: Effort) -> Figures:
    """More and more clients on one job with 100 reports a second."""
    figures: Figures = {}
    for clients in effort.clients:
        async with chain(subject, clients=clients) as made:
            figures |= await _share(made, 100, effort, clients, "client", f"{clients} clients")
    return figures


async def _share(
    made: Chain, rate: int, effort: Effort, count: int, each: str, name: str
) -> Figures:
    before = made.middle.cpu()
    _, received = await made.run("send", rate=rate, seconds=effort.seconds)
    cpu = made.middle.cpu() - before
    return {
        f"{name}: CPU per {each}, % of a core": 100 * cpu / effort.seconds / count,
        f"{name}: report p50, ms": quantile(delays(received), 50),
        f"{name}: memory per {each}, MiB": made.middle.memory() / MIB / count,
    }


async def crowd(subject: str, effort: Effort) -> Figures:
    """Many jobs at once, each with 100 reports a second and two clients."""
    async with chain(subject, jobs=effort.crowd, clients=2) as made:
        before = made.middle.cpu()
        sent = await made.source.ask("send", rate=100, seconds=effort.seconds)
        received = await made.received_by_all(sent)
        cpu = made.middle.cpu() - before
        times = delays([report for reports in received for report in reports])
        name = f"{effort.crowd} jobs, {len(received)} clients at 100/s"
        return {
            f"{name}: CPU, % of a core": 100 * cpu / effort.seconds,
            f"{name}: report p50, ms": quantile(times, 50),
            f"{name}: report p99, ms": quantile(times, 99),
            f"{name}: reports lost": sent["count"] * len(received) - len(times),
            f"{name}: the trainers were late by, ms": 1e3 * sent["late"],
            f"{name}: memory, MiB": made.middle.memory() / MIB,
        }


async def long_life(subject: str, effort: Effort) -> Figures:
    """Job after job with a client that stays: what the last one costs beside the first.

    Each has the epochs' messages of a training, as fast as they go, and a trainer of its own.
    """
    async with chain(subject) as made:
        assert made.worker is not None
        figures = await _one_of_many(made, effort, "first job")
        memory = made.worker.memory()
        switches, sent, received = [], 0, 0
        for _ in range(effort.life):
            await made.source.ask("disconnect")
            switches.append(1e3 * float(await made.worker.ask("switch", job="job 0")))
            await made.source.ask("connect", control=None, progress=made.ports[0]["progress"])
            job = await made.source.ask("send_epochs", count=EPOCHS)
            received += len(await made.received(job))
            sent += job["count"]
        figures |= await _one_of_many(made, effort, "last job")
        tenth = max(1, effort.life // 10)
        return figures | {
            "switch p50, first tenth, ms": statistics.median(switches[:tenth]),
            "switch p50, last tenth, ms": statistics.median(switches[-tenth:]),
            "reports lost": sent - received,
            "memory more, MiB": (made.worker.memory() - memory) / MIB,
        }


async def _one_of_many(made: Chain, effort: Effort, name: str) -> Figures:
    before = made.middle.cpu()
    sent, received = await made.run("send", rate=100, seconds=effort.seconds)
    cpu = made.middle.cpu() - before
    return {
        f"{name}: report p50 at 100/s, ms": quantile(delays(received), 50),
        f"{name}: CPU per report at 100/s, us": cpu / sent["count"] * 1e6,
        f"{name}: memory, MiB": made.middle.memory() / MIB,
    }
