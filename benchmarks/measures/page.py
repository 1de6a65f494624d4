"""The page, in a real browser before the complete worker: how soon it shows all of a run.

Times are in milliseconds from the click on the link until every epoch, the curves and the state are
shown; bytes are those of all that is fetched.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.line import SlowLine
from benchmarks.measures.figures import OURS, Figures
from benchmarks.standalone import standalone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver.chrome.webdriver import WebDriver

    from benchmarks.measures.effort import Effort

TRAINER: Final = Path(__file__).parents[1] / "page_trainer.py"

BATCHES: Final = 100
"""Batches of an epoch."""

METRICS: Final = 8
"""Values of an epoch beside the losses."""

SLOW: Final = 1_000_000.0
"""Bits a second of the slow line."""

LIVE_RATE: Final = 1_000.0
"""Reports a second."""

TRANSPORTS: Final = ("ws", "rtc")

PATIENCE: Final = 180
"""Seconds: far beyond what anything here takes."""

FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # WebRTC without a STUN server, mDNS or any other machine.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)

WHOLE: Final = """
const [epochs, transport, done] = arguments;
const look = () => {
  const told = window.viewer ? window.viewer.counts() : {};
  const isShown = document.querySelector("#epoch")?.textContent.startsWith(String(epochs));
  const isWhole = told.epochs === epochs && told.curves >= 3 && isShown;
  const isLive = transport === null || told.transport === transport;
  if (!isWhole || !isLive) return setTimeout(look, 5);
  const all = performance.getEntriesByType("resource");
  const page = performance.getEntriesByType("navigation")[0];
  const bytes = all.reduce((sum, item) => sum + item.transferSize, page.transferSize);
  done({ time: performance.now(), bytes, words: document.querySelector("#state").textContent });
};
look();
"""
"""Looks until the page is whole; the time is that since the navigation began."""


UNTIL: Final = """
const done = arguments[0];
const look = () => (CONDITION ? done() : setTimeout(look, 20));
look();
"""


def _journal(path: Path, reports: int) -> int:
    """Write the journal of a run of so many reports, in the trainer's form; how many epochs."""
    of_epoch = 2 + 2 * BATCHES
    epochs = (reports - 2) // of_epoch
    # A day ago, to the second: what is written is the same size each time.
    began = float(int(time.time()) - 86_400)
    sequence = 0
    with path.open("w", encoding="utf-8") as file:

        def add(event: str, **fields: Any) -> None:
            nonlocal sequence
            sequence += 1
            message = json.dumps({"what": "", "event": event, "logs": None, **fields})
            entry = {"sequence": sequence, "time": began + sequence / 50, "message": message}
            file.write(json.dumps(entry) + "\n")

        add("train_begin", wandb_url=None)
        for epoch in range(epochs):
            add("epoch_begin", epoch=epoch)
            for batch in range(BATCHES):
                loss = math.exp(-epoch / epochs) + 0.1 * math.sin(batch * (epoch + 1))
                add("batch_start", batch=batch)
                logs = {"loss": loss, **{f"train/part_{i}": loss / (i + 2) for i in range(4)}}
                add("batch_end", epoch=epoch, batch=batch, logs=logs)
            loss = math.exp(-epoch / epochs)
            logs = {"train/loss": loss, "val/loss": 1.1 * loss}
            logs |= {f"val/part_{i}": loss / (i + 2) for i in range(METRICS)}
            add("epoch_end", epoch=epoch, logs=logs)
        add("train_end")
    return epochs


@contextmanager
def _chromium(folder: Path) -> Iterator[WebDriver]:
    """A browser with a profile of its own."""
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service
    except ModuleNotFoundError as missing:
        raise RuntimeError("selenium is not installed") from missing
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        raise RuntimeError("there is no chromium with its chromedriver")
    options = Options()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    made = webdriver.Chrome(options=options, service=Service(driver))
    made.set_script_timeout(PATIENCE)
    try:
        yield made
    finally:
        made.quit()


async def _whole(
    driver: WebDriver, link: str, epochs: int, transport: str | None = None
) -> dict[str, Any]:
    """Open ``link`` in a new document; when it was whole, and what that took."""
    name = {"ws": "WebSocket", "rtc": "WebRTC", None: None}[transport]
    await asyncio.to_thread(driver.get, "about:blank")
    await asyncio.to_thread(driver.get, link)
    found = await asyncio.to_thread(driver.execute_async_script, WHOLE, epochs, name)
    return dict(found)


def _over(link: str, transport: str, port: int | None = None) -> str:
    """``link`` with a transport chosen, and through another port."""
    base, _, token = link.partition("#")
    if port is not None:
        base = f"{base.rpartition(':')[0]}:{port}/"
    return f"{base}?transport={transport}#{token}"


async def page(subject: str, effort: Effort) -> Figures:
    """The page in a browser: opened late, over a slow line, and told of reports as they come."""
    assert subject == OURS
    figures: Figures = {}
    for reports in effort.page:
        figures |= await _late_page(reports)
    return figures | await _live_page(effort.seconds) if effort.page else figures


async def _late_page(reports: int) -> dict[str, float]:
    """A page that is opened when a run of so many reports is there."""
    figures: dict[str, float] = {}
    size = f"{reports:,} reports"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        epochs = await asyncio.to_thread(_journal, path, reports)
        began = time.monotonic()
        async with standalone("--replay", str(path)) as served:
            ready = served.ready * 1000
            figures[f"{size}: link of --replay, ms"] = ready
            with _chromium(Path(folder) / "first") as driver:
                first = await _whole(driver, served.link, epochs)
                figures[f"{size}: --replay to the whole page, ms"] = ready + first["time"]
                figures[f"{size}: with the browser's start, ms"] = (time.monotonic() - began) * 1000
                figures[f"{size}: first visit, kB"] = first["bytes"] / 1000
                for transport in TRANSPORTS:
                    shown = await _whole(driver, _over(served.link, transport), epochs)
                    figures[f"{size}: whole page, {transport}, ms"] = shown["time"]
                    figures[f"{size}: whole page, {transport}, kB"] = shown["bytes"] / 1000
                    live = await _whole(driver, _over(served.link, transport), epochs, transport)
                    figures[f"{size}: connected too, {transport}, ms"] = live["time"]
                port = int(served.link.split(":")[2].partition("/")[0])
                async with SlowLine(port, SLOW) as line:
                    slow = _over(served.link, "ws", line.port)
                    shown = await _whole(driver, slow, epochs)
                    figures[f"{size}: 1 Mbit/s, first visit, ms"] = shown["time"]
                    shown = await _whole(driver, slow, epochs)
                    figures[f"{size}: 1 Mbit/s, files in the cache, ms"] = shown["time"]
    return figures


async def _live_page(seconds: float) -> dict[str, float]:
    """What a report costs the worker that a page is told of at once."""
    figures: dict[str, float] = {}
    for transport in ("none", *TRANSPORTS):
        with tempfile.TemporaryDirectory() as folder:
            gate = Path(folder) / "gate"
            os.mkfifo(gate)
            command = (sys.executable, str(TRAINER), "{progress_port}", str(gate))
            count = int(LIVE_RATE * seconds)
            async with standalone("--", *command, str(LIVE_RATE), str(count)) as served:
                with _chromium(Path(folder) / "profile") as driver:
                    if transport != "none":
                        await asyncio.to_thread(driver.get, _over(served.link, transport))
                        await _until(driver, "window.viewer?.counts().connected")
                    await asyncio.to_thread(gate.write_text, "go")
                    before = served.cpu()
                    await asyncio.sleep(seconds)
                    await asyncio.sleep(0.5)
                    used = served.cpu() - before
                    if transport != "none":
                        await _until(driver, f"window.viewer.counts().reports >= {count}")
            what = "no page" if transport == "none" else transport
            figures[f"live at {LIVE_RATE:.0f}/s, {what}: CPU per report, us"] = used / count * 1e6
    return figures


async def _until(driver: WebDriver, condition: str) -> None:
    await asyncio.to_thread(driver.execute_async_script, UNTIL.replace("CONDITION", condition))
