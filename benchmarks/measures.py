"""What is measured: each function takes one subject through one measurement and gives its figures.

Times are in milliseconds, rates in messages per second, memory in MiB.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.chain import AIORTC, QUIET, ZEROMQ, Chain, chain, free_ports, peak_memory
from benchmarks.load import is_epoch
from benchmarks.page import late_page, live_page
from benchmarks.subjects import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

RECORDING: Final = Path(__file__).parent.parent / "tests" / "data" / "sleap_nn_full_run.jsonl"

LATE: Final = 500.0
"""Milliseconds within which every report has to come for a rate to be held."""

HIGHEST_RATE: Final = 64_000.0

MIB: Final = 1024 * 1024
OURS: Final = "this project"
REPORTERS: Final = tuple(SUBJECTS)

Figures = dict[str, float]


@dataclass(frozen=True)
class Effort:
    """How long it is measured: ``rounds`` of every measurement, ``seconds`` of one load.

    Rates are doubled from ``first_rate`` on, and then raised in ``fine_steps`` to the next double.
    """

    rounds: int
    seconds: float
    idle: float
    stall: float
    burst: int
    first_rate: float
    fine_steps: int
    cycles: int
    jobs: tuple[int, ...]
    clients: tuple[int, ...]
    recording: bool
    page: tuple[int, ...]


FULL: Final = Effort(
    rounds=3,
    seconds=4.0,
    idle=20.0,
    stall=10.0,
    burst=20_000,
    first_rate=1_000.0,
    fine_steps=4,
    cycles=200,
    jobs=(1, 4, 16),
    clients=(1, 2, 4, 8),
    recording=True,
    page=(100_000, 1_000_000),
)
QUICK: Final = Effort(
    rounds=1,
    seconds=0.6,
    idle=1.0,
    stall=1.5,
    burst=5_000,
    first_rate=4_000.0,
    fine_steps=2,
    cycles=20,
    jobs=(4,),
    clients=(4,),
    recording=False,
    page=(10_000,),
)


async def latency(subject: str, effort: Effort) -> Figures:
    """Reports one way at even rates, and what they cost the worker."""
    figures: Figures = {}
    async with chain(subject) as made:
        for rate in (20, 100, 500, 1000):
            before = made.middle.cpu()
            sent, received = await made.run(
                "send", rate=rate, seconds=max(effort.seconds, 25 / rate)
            )
            cpu = made.middle.cpu() - before
            times = delays(received)
            figures |= {
                f"report p50 at {rate}/s, ms": quantile(times, 50),
                f"report p99 at {rate}/s, ms": quantile(times, 99),
                f"report max at {rate}/s, ms": max(times),
                f"reports lost at {rate}/s": sent["count"] - len(received),
            }
            if subject in REPORTERS:
                figures[f"CPU per report at {rate}/s, us"] = cpu / sent["count"] * 1e6
    return figures


async def recorded_run(subject: str, effort: Effort) -> Figures:
    """A recorded training at its own pace."""
    if not effort.recording:
        return {}
    async with chain(subject) as made:
        before = made.middle.cpu()
        sent, received = await made.run("replay", file=str(RECORDING))
        cpu = made.middle.cpu() - before
        return {
            "recorded run: CPU per report, us": cpu / sent["count"] * 1e6,
            "recorded run: report p50, ms": quantile(delays(received), 50),
        }


async def control(subject: str, effort: Effort) -> Figures:
    """Control messages from the client to the trainer."""
    figures: Figures = {}
    async with chain(subject) as made:
        for rate, name in ((0, "idle"), (500, "at 500 reports/s")):
            count = int(effort.seconds / 0.02)
            heard = asyncio.create_task(
                made.source.ask("controls", count=count, rate=rate, seconds=effort.seconds + 1)
            )
            await made.client.ask("control", client=made.clients[0], count=count, interval=0.02)
            times = [time / 1e6 for time in await heard]
            figures[f"control p50 {name}, ms"] = quantile(times, 50)
            figures[f"control p99 {name}, ms"] = quantile(times, 99)
    return figures


async def highest_rate(subject: str, effort: Effort) -> Figures:
    """The highest rate at which every report comes, and within 500 ms."""
    async with chain(subject) as made:
        held = 0.0
        rate = effort.first_rate
        while rate <= HIGHEST_RATE and await _holds(made, rate, effort):
            held, rate = rate, 2 * rate
        # In fine steps from there; a failure may have been the machine.
        for _ in range(1, effort.fine_steps):
            rate = held * 2 ** (1 / effort.fine_steps)
            if not (await _holds(made, rate, effort) or await _holds(made, rate, effort)):
                break
            held = rate
    return {"highest rate held, messages/s": held}


async def _holds(made: Chain, rate: float, effort: Effort) -> bool:
    sent, received = await made.run("send", rate=rate, seconds=min(2.0, effort.seconds))
    if len(received) == sent["count"] and max(delays(received)) <= LATE:
        return True
    await asyncio.sleep(QUIET / 3)
    return False


async def burst(subject: str, effort: Effort) -> Figures:
    """Reports as fast as the trainer can."""
    if subject == AIORTC:
        return await _bursts_of_aiortc(effort)
    async with chain(subject) as made:
        if made.worker is not None:
            await made.worker.ask("longest_turn")
        before = made.middle.memory()
        work = asyncio.ensure_future(made.run("burst", count=effort.burst))
        peak = await peak_memory(made.middle, work)
        sent, received = work.result()
        figures = _burst_figures(sent, received) | {
            "burst: memory at most, MiB": (peak - before) / MIB
        }
        if made.worker is not None:
            figures["burst: longest turn of the loop, ms"] = 1e3 * float(
                await made.worker.ask("longest_turn")
            )
        return figures


async def _bursts_of_aiortc(effort: Effort) -> Figures:
    figures: Figures = {}
    for paced in (False, True):
        async with chain(AIORTC) as made:
            await made.source.ask("longest_turn")
            sent, received = await made.run("burst", count=effort.burst, paced=paced)
            turn = 1e3 * float(await made.source.ask("longest_turn"))
            these = _burst_figures(sent, received) | {"burst: longest turn of the loop, ms": turn}
            figures |= {f"{key} (paced)": each for key, each in these.items()} if paced else these
    return figures


def _burst_figures(sent: dict[str, Any], received: list[Any]) -> Figures:
    seconds = (received[-1][2] - sent["began"]) / 1e9
    return {
        "burst: arrived, %": 100 * len(received) / sent["count"],
        "burst: messages/s": len(received) / seconds,
    }


async def idle(subject: str, effort: Effort) -> Figures:
    """A job without a message."""
    async with chain(subject) as made:
        await asyncio.sleep(0.5)
        before = made.middle.cpu()
        await asyncio.sleep(effort.idle)
        return {
            "idle: CPU, % of a core": 100 * (made.middle.cpu() - before) / effort.idle,
            "idle: threads": made.middle.threads(),
            "idle: memory, MiB": made.middle.memory() / MIB,
        }


async def stalled_client(subject: str, effort: Effort) -> Figures:
    """A client that does nothing for a while, at 1,000 reports a second."""
    async with chain(subject) as made:
        # What the chain itself comes to hold under load is not the stall's.
        await made.run("send", rate=1000, seconds=2)
        before = made.middle.memory()
        stall = asyncio.ensure_future(made.client.ask("stall", seconds=effort.stall))
        sent = await made.source.ask("send", rate=1000, seconds=effort.stall)
        growth = made.middle.memory() - before
        await stall
        received = await made.received(sent)
        numbers = [number for number, _, _ in received]
        first, count = sent["first"], sent["count"]
        epochs = sum(map(is_epoch, range(first, first + count)))
        return {
            "stalled client: memory growth, MiB": growth / MIB,
            "stalled client: reports it gets, %": 100 * len(numbers) / count,
            "stalled client: epoch messages it gets, %": 100 * sum(map(is_epoch, numbers)) / epochs,
            "stalled client: out of order or twice": sum(
                a >= b for a, b in itertools.pairwise(numbers)
            ),
        }


async def start_and_stop(subject: str, effort: Effort) -> Figures:
    """A job with a client started and stopped; then started and stopped again and again."""
    figures: Figures = {}
    async with chain(subject) as made:
        assert made.worker is not None
        figures["stop with a client, ms"] = 1e3 * float(await made.worker.ask("stop", job="job 0"))
        control_port, progress = free_ports(2)
        ports = {"control": control_port, "progress": progress}
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
    if subject not in {OURS, "direct"}:
        return {}  # sleap-rtc's reporter has one client
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


def delays(received: list[Any]) -> list[float]:
    """How long each report was on its way, in milliseconds; of none at all, infinitely."""
    return [(arrived - sent) / 1e6 for _, sent, arrived in received] or [float("inf")]


def quantile(values: list[float], percent: int) -> float:
    """The value below which ``percent`` of all lie."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


async def page(subject: str, effort: Effort) -> Figures:
    """The page in a browser: opened late, over a slow line, and told of reports as they come."""
    assert subject == OURS
    figures: Figures = {}
    for reports in effort.page:
        figures |= await late_page(reports)
    return figures | await live_page(effort.seconds)


MEASURES: Final[dict[str, tuple[Callable[[str, Effort], Awaitable[Figures]], tuple[str, ...]]]] = {
    "latency": (latency, (*REPORTERS, AIORTC, ZEROMQ)),
    "control": (control, REPORTERS),
    "rate": (highest_rate, (*REPORTERS, AIORTC, ZEROMQ)),
    "burst": (burst, (*REPORTERS, AIORTC, ZEROMQ)),
    "idle": (idle, (*REPORTERS, AIORTC)),
    "stall": (stalled_client, REPORTERS),
    "cycles": (start_and_stop, REPORTERS),
    "jobs": (many_jobs, REPORTERS),
    "clients": (many_clients, (OURS, "direct")),
    "recorded": (recorded_run, REPORTERS),
    "page": (page, (OURS,)),
}
"""By their names on the command line, each with the subjects that it is measured of."""
