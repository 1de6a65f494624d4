"""One job, more reports than can be taken, or none: the limits, and what they cost."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, Final

from benchmarks.chain import AIORTC, QUIET, Chain, chain, peak_memory
from benchmarks.load import is_epoch
from benchmarks.measures.figures import MIB, Figures, delays

if TYPE_CHECKING:
    from benchmarks.measures.effort import Effort

LATE: Final = 500.0
"""Milliseconds within which every report has to come for a rate to be held."""

HIGHEST_RATE: Final = 64_000.0


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
