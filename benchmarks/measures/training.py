"""What the training itself loses to those who watch it, on the same two cores."""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

from benchmarks.chain import chain, free_ports
from benchmarks.measures.figures import MIB, OURS, Figures
from benchmarks.measures.jobs import WITH_MANY_CLIENTS
from benchmarks.standalone import running, watched
from benchmarks.training import Training, work_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from benchmarks.measures.effort import Effort
    from benchmarks.processes import Usage

CORES: Final = 2

STEP: Final = 0.001
"""Seconds of a step that nothing disturbs."""


async def lost_steps(subject: str, effort: Effort) -> Figures:
    """A training of 1,000 steps a second, each with a report, alone and watched by turns.

    This project is the complete worker with its page and two viewers; of the others it is the
    reporter, with two clients, sleap-rtc's with one.
    """
    alone: list[Figures] = []
    with_us: list[Figures] = []
    with _on_few_cores():
        options = {"work": work_of(STEP), "seconds": effort.seconds}
        for number in range(effort.pairs):
            if number % 2 == 0:
                alone.append(await _trained_alone(options))
            with_us.append(await _trained_watched(subject, options))
            if number % 2 == 1:
                alone.append(await _trained_alone(options))
    without, watched = _sums(alone), _sums(with_us)
    seconds = effort.pairs * effort.seconds
    return {
        "steps/s alone": without["steps"] / seconds,
        "steps/s watched": watched["steps"] / seconds,
        "steps watched / alone": watched["steps"] / without["steps"],
        "CPU per step watched / alone": (watched["cpu"] / watched["steps"])
        / (without["cpu"] / without["steps"]),
        "the worker's CPU, % of a core": 100 * watched["worker's cpu"] / seconds,
        "the worker's memory, MiB": max(each["worker's memory"] for each in with_us) / MIB,
    }


def _sums(runs: list[Figures]) -> Figures:
    return {name: sum(run[name] for run in runs) for name in runs[0]}


async def _trained_alone(options: dict[str, Any]) -> Figures:
    """A training whose reports go to a port that nobody has bound."""
    (port,) = free_ports(1)
    with Training() as training:
        async with running(*training.command(port=port, **options)):
            return await training.begin()


async def _trained_watched(subject: str, options: dict[str, Any]) -> Figures:
    async with _watched(subject, options) as (training, worker):
        before = worker.cpu()
        result = await training.begin()
        cpu = worker.cpu() - before
        return result | {"worker's cpu": cpu, "worker's memory": worker.memory()}


@asynccontextmanager
async def _watched(subject: str, options: dict[str, Any]) -> AsyncIterator[tuple[Training, Usage]]:
    """A training that waits for its signal, and the worker that reports it."""
    with Training() as training:
        if subject == OURS:
            command = training.command(port="{progress_port}", **options)
            async with watched("--", *command) as worker:
                yield training, worker
            return
        clients = 2 if subject in WITH_MANY_CLIENTS else 1
        async with chain(subject, clients=clients) as made:
            command = training.command(port=made.ports[0]["progress"], **options)
            async with running(*command):
                yield training, made.middle


@contextmanager
def _on_few_cores() -> Iterator[None]:
    """Whatever is started meanwhile shares two cores, where the system can be told so."""
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
