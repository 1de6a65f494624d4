"""One job, reports and control messages one by one: how long they take, and what they cost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.chain import chain
from benchmarks.measures.figures import FORWARDERS, Figures, delays, quantile

if TYPE_CHECKING:
    from benchmarks.measures.effort import Effort

RECORDING: Final = Path(__file__).parents[2] / "tests" / "data" / "sleap_nn_full_run.jsonl"


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
            if subject in FORWARDERS:
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
