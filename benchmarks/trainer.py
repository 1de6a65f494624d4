"""The trainer's process: connects its sockets as sleap-nn does, and sends as it is told."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import zmq

from benchmarks.load import OF_EPOCH, message
from benchmarks.processes import serve


class Trainer:
    """As many trainers as there are jobs; every message goes to all. One thread per socket."""

    def __init__(self) -> None:
        self._context = zmq.Context()
        self._progress: list[zmq.Socket[bytes]] = []
        self._control = self._context.socket(zmq.SUB)
        self._control.subscribe("")
        self._number = 0

    async def connect(self, control: int | None, progress: int) -> bool:
        """Connect one more trainer; answered when the worker has subscribed."""
        socket = self._context.socket(zmq.XPUB)
        socket.connect(f"tcp://127.0.0.1:{progress}")
        if control is not None:
            self._control.connect(f"tcp://127.0.0.1:{control}")
        await asyncio.to_thread(socket.recv)
        self._progress.append(socket)
        return True

    async def disconnect(self) -> bool:
        """End the trainers: what they have sent still goes out, and another one may connect."""
        while self._progress:
            self._progress.pop().close(linger=1000)
        return True

    async def send(self, rate: float, seconds: float) -> dict[str, Any]:
        """Send ``rate`` messages a second, evenly: their numbers, how many, how late (s)."""
        return await asyncio.to_thread(self._send, rate, seconds)

    def _send(self, rate: float, seconds: float) -> dict[str, Any]:
        first, began, late = self._number, time.monotonic(), 0.0
        for index in range(int(rate * seconds)):
            due = began + index / rate
            now = time.monotonic()
            if now < due:
                time.sleep(due - now)
            late = max(late, now - due)
            self._send_one()
        return {**self._sent_since(first), "late": late}

    def _sent_since(self, first: int) -> dict[str, Any]:
        return {"first": first, "last": self._number - 1, "count": self._number - first}

    def _send_one(self) -> None:
        text = message(self._number)
        self._number += 1
        for socket in self._progress:
            socket.send_string(text)

    async def send_epochs(self, count: int) -> dict[str, Any]:
        """Send the first and the last message of ``count`` epochs as fast as it goes."""
        return await asyncio.to_thread(self._send_epochs, count)

    def _send_epochs(self, count: int) -> dict[str, Any]:
        first = self._number = -(-self._number // OF_EPOCH) * OF_EPOCH
        for _ in range(count):
            self._send_one()
            self._number += OF_EPOCH - 2
            self._send_one()
        return {**self._sent_since(first), "count": 2 * count}

    async def burst(self, count: int) -> dict[str, Any]:
        """Send ``count`` messages as fast as it goes: their numbers, how many, when (ns)."""
        return await asyncio.to_thread(self._burst, count)

    def _burst(self, count: int) -> dict[str, Any]:
        first, began = self._number, time.monotonic_ns()
        for _ in range(count):
            self._send_one()
        return {**self._sent_since(first), "began": began}

    async def replay(self, file: str) -> dict[str, Any]:
        """Send a recorded run at its own pace, with numbers and times."""
        return await asyncio.to_thread(self._replay, Path(file))

    def _replay(self, file: Path) -> dict[str, Any]:
        run = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        first, began = self._number, time.monotonic() - run[0]["t"]
        for entry in run:
            time.sleep(max(0.0, began + entry["t"] - time.monotonic()))
            stamp = {"n": self._number, "t": time.monotonic_ns()}
            self._number += 1
            self._progress[0].send_string(json.dumps({**json.loads(entry["msg"]), **stamp}))
        return {**self._sent_since(first), "seconds": run[-1]["t"] - run[0]["t"]}

    async def controls(self, count: int, rate: float, seconds: float) -> list[int]:
        """How long each of ``count`` control messages is on its way (ns), while sending."""
        sending = asyncio.to_thread(self._send, rate, seconds)
        times: list[int]
        times, _ = await asyncio.gather(asyncio.to_thread(self._controls, count), sending)
        return times

    def _controls(self, count: int) -> list[int]:
        times: list[int] = []
        while len(times) < count:
            if not self._control.poll(20_000):
                raise TimeoutError(f"{len(times)} of {count} control messages came")
            text = self._control.recv_string()
            times.append(time.monotonic_ns() - int(json.loads(text)["t"]))
        return times


async def main() -> None:
    """Serve one measurement."""
    trainer = Trainer()
    names = ("connect", "disconnect", "send", "send_epochs", "burst", "replay", "controls")
    await serve({name: getattr(trainer, name) for name in names})


if __name__ == "__main__":
    asyncio.run(main())
