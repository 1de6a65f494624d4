"""What is measured: this project, what a user would pick instead, and the limits.

Each subject forwards what comes to a progress port over data channels and publishes what the client
sends to a control port; the limits leave one half out.
"""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import zmq
import zmq.asyncio

from actors import ReporterSettings, attach, spawn_supervisor
from actors.progress_listener import Drained, ProgressSocket
from actors.runtime import FutureMailbox
from messages import JobOutcome, ReportingReady, StartReporting, StopReporting, SwitchJob

if TYPE_CHECKING:
    from collections.abc import Callable

SLEAP_RTC: Final = "sleap-rtc==0.0.7"
FOLDER: Final = Path(__file__).parent / ".peer"
"""Where the peer is installed, without its dependencies; git ignores it."""

SLEAP_RTC_FILE: Final = FOLDER / "sleap_rtc" / "worker" / "progress_reporter.py"

PREFIXES: Final = ("CONTROL_COMMAND::", "ZMQ_CTRL::")


class Subject(Protocol):
    """One job's reporter, made and used on the event loop."""

    async def start(self, control: int, progress: int) -> None:
        """Bind both ports."""
        ...

    def add(self, client: str, channel: Any) -> None:
        """Forward to this channel too, and publish what it sends."""
        ...

    async def switch(self) -> None:
        """Go on with the next job of a pipeline, whose trainer connects after this."""
        ...

    async def stop(self) -> None:
        """Deliver what is left as far as the subject does that, and close everything."""
        ...


class Ours:
    """The supervisor of this project."""

    def __init__(self) -> None:
        self._supervisor: Any = None
        self._job = 0

    async def start(self, control: int, progress: int) -> None:
        """Start a supervisor of its own, as a worker does for each job."""
        self._supervisor = spawn_supervisor(
            loop=asyncio.get_running_loop(),
            owner=_Nobody(),
            settings=ReporterSettings(
                control_address=f"tcp://127.0.0.1:{control}",
                progress_address=f"tcp://127.0.0.1:{progress}",
                connect_wait=0.0,
            ),
        )
        ready: FutureMailbox[Any] = FutureMailbox()
        self._supervisor.tell(StartReporting(job_id="0", gui=True, reply_to=ready))
        await asyncio.wrap_future(ready.future)

    def add(self, client: str, channel: Any) -> None:
        """Attach a client."""
        attach(self._supervisor, client_id=client, channel=channel, after=0)

    async def switch(self) -> None:
        """Deliver what is left of the job, and go on with the next."""
        ready: FutureMailbox[Any] = FutureMailbox()
        job, self._job = self._job, self._job + 1
        self._supervisor.tell(
            SwitchJob(
                job_id=str(job),
                outcome=JobOutcome.COMPLETED,
                next_job_id=str(self._job),
                reply_to=_WhenReady(ready),
            )
        )
        await asyncio.wrap_future(ready.future)

    async def stop(self) -> None:
        """Stop the job, then the supervisor."""
        stopped: FutureMailbox[Any] = FutureMailbox()
        self._supervisor.tell(
            StopReporting(job_id=str(self._job), outcome=JobOutcome.COMPLETED, reply_to=stopped)
        )
        await asyncio.wrap_future(stopped.future)
        await self._supervisor.stop_async()


class SleapRtc:
    """sleap-rtc's ProgressReporter, used as its worker uses it: one client."""

    def __init__(self) -> None:
        self._reporter: Any = None
        self._channel: Any = None

    async def start(self, control: int, progress: int) -> None:
        """Bind the control socket; the progress socket is bound with the channel."""
        self._reporter = _sleap_rtc().ProgressReporter(
            control_address=f"tcp://127.0.0.1:{control}",
            progress_address=f"tcp://127.0.0.1:{progress}",
        )
        self._reporter.start_control_socket()

    def add(self, client: str, channel: Any) -> None:
        """The one client; its text is parsed as sleap-rtc's worker does it."""
        del client
        self._channel = channel
        self._reporter.start_progress_listener_task(channel)
        _publish_from(channel, self._reporter.send_control_message)

    async def switch(self) -> None:
        """What sleap-rtc's worker does between two models."""
        await self._reporter.restart_progress_listener(self._channel)

    async def stop(self) -> None:
        """What sleap-rtc's worker does at the end of a pipeline."""
        await self._reporter.async_cleanup()


class Direct:
    """What a good engineer writes by hand: a zmq.asyncio loop from socket to channel."""

    def __init__(self) -> None:
        self._context = zmq.asyncio.Context()
        self._channels: list[Any] = []
        self._task: asyncio.Task[None] | None = None
        self._control: Any = None
        self._progress: Any = None

    async def start(self, control: int, progress: int) -> None:
        """Bind both, and forward."""
        self._control = self._context.socket(zmq.PUB)
        self._control.bind(f"tcp://127.0.0.1:{control}")
        self._progress = self._context.socket(zmq.SUB)
        self._progress.subscribe("")
        self._progress.bind(f"tcp://127.0.0.1:{progress}")
        self._task = asyncio.create_task(self._forward())

    async def _forward(self) -> None:
        while True:
            text = "PROGRESS_REPORT::" + await self._progress.recv_string()
            for channel in self._channels:
                if channel.readyState == "open":
                    channel.send(text)

    def add(self, client: str, channel: Any) -> None:
        """Forward to it too."""
        del client
        self._channels.append(channel)
        _publish_from(channel, self._control.send_string)

    async def switch(self) -> None:
        """Nothing: the next trainer is another publisher."""

    async def stop(self) -> None:
        """Cancel and close."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})
        self._control.close(linger=100)
        self._progress.close(linger=0)
        self._context.term()


class PollAlone(Direct):
    """The limit: this project's socket and its poll, with all its waits, and nothing else.

    No actors, log, positions or room in the channel: what this project costs more is theirs.
    """

    async def start(self, control: int, progress: int) -> None:
        """Bind both, and forward."""
        self._loop = asyncio.get_running_loop()
        self._control = self._context.socket(zmq.PUB)
        self._control.bind(f"tcp://127.0.0.1:{control}")
        self._progress = ProgressSocket(ReporterSettings())
        await self._loop.run_in_executor(
            self._progress.thread,
            self._progress.open,
            zmq.Context.shadow(self._context.underlying),
            f"tcp://127.0.0.1:{progress}",
        )
        self._task = asyncio.create_task(self._forward())

    async def _forward(self) -> None:
        while True:
            drained = await asyncio.wrap_future(self._progress.poll(self))
            self._send_received()
            if not drained.count:
                await asyncio.sleep(ReporterSettings().poll_interval)

    def tell(self, drained: Drained) -> None:
        """Send what has been received; called on the socket's thread."""
        del drained
        self._loop.call_soon_threadsafe(self._send_received)

    def _send_received(self) -> None:
        for _ in range(len(self._progress.received)):
            text, _at = self._progress.received.popleft()
            for channel in self._channels:
                if channel.readyState == "open":
                    channel.send(f"PROGRESS_REPORT::{text}")

    async def stop(self) -> None:
        """Cancel and close."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})
        await asyncio.wrap_future(self._progress.close())
        self._control.close(linger=100)
        self._context.term()


POLL: Final = "poll alone"

SUBJECTS: Final[dict[str, type[Ours] | type[SleapRtc] | type[Direct]]] = {
    "this project": Ours,
    "sleap-rtc": SleapRtc,
    "direct": Direct,
    POLL: PollAlone,
}


class _WhenReady:
    """Passes on the second of the two answers to a ``SwitchJob``."""

    def __init__(self, ready: FutureMailbox[Any]) -> None:
        self._ready = ready

    def tell(self, message: object, /) -> None:
        """Take an answer."""
        if isinstance(message, ReportingReady):
            self._ready.tell(message)


class _Nobody:
    def tell(self, message: object, /) -> None:
        """An owner that does not listen."""


def _publish_from(channel: Any, publish: Callable[[str], Any]) -> None:
    def received(text: str | bytes) -> None:
        for prefix in PREFIXES:
            if isinstance(text, str) and text.startswith(prefix):
                publish(text.removeprefix(prefix))

    channel.on("message", received)


def why_not(subject: str) -> str | None:
    """Why ``subject`` cannot be measured here; None if it can."""
    if subject != "sleap-rtc":
        return None
    try:
        _sleap_rtc()
    except Exception as error:
        return f"{SLEAP_RTC} could not be had: {error!r}"
    return None


def _sleap_rtc() -> Any:
    """The module with sleap-rtc's ProgressReporter, from its file alone."""
    if not SLEAP_RTC_FILE.exists():
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
        subprocess.run((*pip, "--target", str(FOLDER), SLEAP_RTC), check=True, timeout=300)
    spec = importlib.util.spec_from_file_location("sleap_rtc_progress_reporter", SLEAP_RTC_FILE)
    if spec is None or spec.loader is None:
        raise ImportError(f"{SLEAP_RTC_FILE} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
