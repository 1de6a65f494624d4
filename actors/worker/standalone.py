"""The standalone worker: its actors and their clients, started in order and ended in reverse."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import socket
import time
from contextlib import AsyncExitStack, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from actors.runtime import FutureMailbox, TypedRef, reply
from actors.supervisor import SupervisorRef, spawn_supervisor
from actors.worker import actor, archive, digest, notices, resources, trainer, viewer
from actors.worker.command_line import program
from actors.worker.earlier import EarlierRun
from actors.worker.events import RunEvents
from actors.worker.keeper import ENDING, OUTPUT, name_of
from actors.worker.outputs import (
    JournalCap,
    JournalError,
    LiveFile,
    LocalChannel,
    LocalClient,
    read_journal,
    spawn_journal,
    spawn_terminal,
)
from actors.worker.plan import DRAIN_TIMEOUT
from messages import (
    EVENTS_PROTOCOL,
    PAGES_PROTOCOL,
    AddedToLog,
    AddToLog,
    AttachClient,
    CancelTraining,
    ChildDown,
    DigestTaken,
    EarlierPart,
    GetDigest,
    OutputStore,
    ReportingReady,
    RunRead,
    RunTraining,
    ServingFailed,
    ServingStarted,
    ServingStopped,
    ShowCountdown,
    ShowLine,
    ShowSummary,
    SignalReceived,
    StartServing,
    StopServing,
    StopTraining,
    TextsForwarded,
    TrainerLeft,
    TrainingEnded,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from rich.console import Console

    from actors.worker.keeper import Dispositions
    from actors.worker.plan import Plan
    from messages import ArchiveMessage, DigestMessage, LogEntry, Mailbox, TrainerMessage

log = logging.getLogger(__name__)

CLIENT_TIMEOUT: Final = 5.0
"""Seconds that the local client may take to receive what has been handed to its channel."""

STOP_TIMEOUT: Final = 10.0
"""Seconds that an actor may take to end."""

ADD_TIMEOUT: Final = 60.0
"""Seconds that a page of a journal may take to be added to the log; it takes milliseconds."""

ENTRIES: Final = 500
"""Entries of a journal in one message."""

SPARE: Final = 1024**3
"""Bytes of its disk that a run leaves free."""

EXIT_BROKEN: Final = 70
"""The worker's exit code when a part of it has failed (sysexits' EX_SOFTWARE)."""

EXIT_NOT_STARTED: Final = actor.EXIT_NOT_STARTED

M = TypeVar("M")


class Standalone:
    """One worker on the running event loop; ``run`` is its life."""

    def __init__(
        self,
        plan: Plan,
        *,
        console: Console,
        errors: Console,
        dispositions: Dispositions | None = None,
    ) -> None:
        self._plan = plan
        self.loop = asyncio.get_running_loop()
        self._console = console
        self._errors = errors
        self._dispositions = dispositions
        self._down: FutureMailbox[ChildDown] = FutureMailbox()
        self._released = asyncio.Event()
        self._interrupted = False
        self._earlier = EarlierRun()
        self._live: LiveFile | None = None
        self._notifier: notices.Notifier | None = None
        self._has_ended = False
        self.worker = actor.spawn(parent=self._down)

    def signalled(self, number: int) -> None:
        """A signal has come."""
        if number in self._plan.stop_on:
            self.worker.tell(StopTraining(by=name_of(number)))
            self._released.set()
        elif number == signal.SIGINT:
            self.interrupt()
        elif number == signal.SIGTERM:
            self.terminate()
        elif number in ENDING:
            self.worker.tell(SignalReceived(name=name_of(number)))

    def interrupt(self) -> None:
        """Ctrl-C: stop the training, and cancel it at the second one; keep nothing open."""
        self.worker.tell(CancelTraining() if self._interrupted else StopTraining())
        self._interrupted = True
        self._released.set()

    def terminate(self) -> None:
        """SIGTERM: cancel the training; keep nothing open."""
        self.worker.tell(CancelTraining())
        self._released.set()

    async def run(self) -> int:
        """Run the training, or show the run again; the exit code."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._end, self.worker)
            screen = self._begin(
                stack,
                spawn_terminal(
                    console=self._console,
                    errors=self._errors,
                    parent=_Aside(),
                    has_tables=self._plan.has_tables,
                    is_replay=self._plan.replay is not None,
                ),
            )
            supervisor = spawn_supervisor(
                loop=self.loop, owner=self.worker, settings=self._plan.settings
            )
            self._begin_live(stack)
            try:
                return await self._report(stack, supervisor, screen)
            finally:  # before those end who take what it still delivers
                await self._end_supervisor(supervisor)

    async def _report(
        self, stack: AsyncExitStack, supervisor: SupervisorRef, screen: TypedRef[Any]
    ) -> int:
        ended: FutureMailbox[TrainingEnded] = FutureMailbox()
        try:
            if self._plan.replay:
                return await self._show_again(stack, supervisor, screen)
            after = await self._read_earlier(supervisor)
            client = await self._attach_clients(stack, supervisor, screen, after)
            await self._serve(stack, supervisor, screen)
        except (OSError, JournalError, _NotServedError) as error:
            screen.tell(ShowLine(text=f"error: {error}"))
            return EXIT_BROKEN if isinstance(error, ConnectionError) else EXIT_NOT_STARTED
        return await self._train(stack, supervisor, screen, client, ended)

    async def _train(
        self,
        stack: AsyncExitStack,
        supervisor: SupervisorRef,
        screen: TypedRef[Any],
        client: LocalClient | None,
        ended: FutureMailbox[TrainingEnded],
    ) -> int:
        plan = self._plan
        self.worker.tell(
            RunTraining(
                job_id="training",
                command=plan.command,
                gui=plan.gui,
                supervisor=supervisor,
                trainer=self._begin_trainer(stack, screen),
                resources=self._begin(stack, resources.spawn(parent=_Aside(screen))),
                reply_to=ended,
                title=plan.title,
                epochs=plan.epochs,
                models=plan.models,
                checkpoint_folders=plan.checkpoint_folders,
                grace=plan.grace,
                store=self._store(),
                adopted=self._adopted(),
                attempt=self._attempt(),
                ready=None if self._live is None else _Ready(self._live),
            )
        )
        futures = (asyncio.wrap_future(answer.future) for answer in (ended, self._down))
        await asyncio.wait(tuple(futures), return_when=asyncio.FIRST_COMPLETED)
        if not ended.future.done():
            screen.tell(ShowLine(text=f"error: {self._down.future.result().reason}"))
            return EXIT_BROKEN
        end = ended.future.result()
        self._has_ended = True
        if client is not None and end.summary is not None:
            count = end.summary.received - end.summary.undecodable
            await client.received(count, timeout=CLIENT_TIMEOUT)
        if plan.viewers is not None and plan.stays_up > 0:
            await self._stay_up(screen, plan.stays_up)
        # Behind all that is left of the run, which the supervisor's end delivers.
        await self._end_supervisor(supervisor)
        screen.tell(ShowSummary(summary=end.summary, again=plan.again))
        return end.exit_code

    async def _stay_up(self, screen: TypedRef[Any], seconds: float) -> None:
        """Leave the page of the finished run up for ``seconds``, or until Ctrl-C."""
        if seconds == math.inf:
            screen.tell(ShowLine(text="the training is over; the page stays up until Ctrl-C"))
            await self._released.wait()
            return
        screen.tell(
            ShowLine(
                text=f"the page stays up for {seconds:.0f} s, or until Ctrl-C; with --keep-open it "
                "stays until Ctrl-C"
            )
        )
        until = time.monotonic() + seconds
        screen.tell(ShowCountdown(text="the page closes in", at=until))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), seconds)

    async def _show_again(
        self, stack: AsyncExitStack, supervisor: SupervisorRef, screen: TypedRef[Any]
    ) -> int:
        # The page first: a browser opens it while the run is read.
        served = await self._serve(stack, supervisor, screen)
        last = await self._read_earlier(supervisor)
        if served is not None:
            served.tell(RunRead(last=last))
            with suppress(TimeoutError):  # whoever waits for the page comes before the terminal
                told: DigestTaken = await _answer(
                    ADD_TIMEOUT, lambda to: served.tell(GetDigest(reply_to=to))
                )
                log.debug("all %d entries of the run are read", told.position)
        await self._attach_clients(stack, supervisor, screen, last)
        if self._plan.viewers is not None:
            screen.tell(ShowLine(text="the run is shown until Ctrl-C"))
            await self._released.wait()
        await self._end_supervisor(supervisor)
        screen.tell(ShowSummary(summary=None))
        return 0

    # What is started, and its end

    def _begin(self, stack: AsyncExitStack, ref: TypedRef[M]) -> TypedRef[M]:
        stack.push_async_callback(self._end, ref)
        return ref

    def _begin_trainer(
        self, stack: AsyncExitStack, screen: Mailbox[ShowLine]
    ) -> TypedRef[TrainerMessage]:
        return self._begin(
            stack,
            trainer.spawn(parent=self._down, left=_Left(screen), dispositions=self._dispositions),
        )

    async def _end(self, ref: TypedRef[Any]) -> None:
        if not await asyncio.to_thread(ref.stop, timeout=STOP_TIMEOUT):
            log.error("%r has not ended", ref)

    async def _end_supervisor(self, supervisor: SupervisorRef) -> None:
        # A quarter of the time is for delivering what is left.
        if not await supervisor.stop_async(timeout=4 * DRAIN_TIMEOUT):
            log.error("the reporter has not ended")

    async def _read_earlier(self, supervisor: SupervisorRef) -> int:
        """Put an earlier part of the run into the log; its last position."""
        earlier = self._plan.replay or self._plan.keeping.earlier
        if earlier is None:
            return 0
        last = 0
        try:
            async for position in self._add_entries(supervisor, read_journal(earlier)):
                last = position
        except JournalError as error:
            if self._plan.replay is not None or self._plan.keeping.adopted:
                raise
            RunEvents(supervisor).warning(f"{error}; the training runs")
        return last

    async def _add_entries(
        self, supervisor: SupervisorRef, entries: Iterator[LogEntry]
    ) -> AsyncIterator[int]:
        """Add a page after the other; the last position after each."""
        while page := await asyncio.to_thread(lambda: tuple(islice(entries, ENTRIES))):
            self._earlier.take(page)
            added: FutureMailbox[AddedToLog] = FutureMailbox()
            supervisor.tell(AddToLog(entries=page, reply_to=added))
            yield (await asyncio.wait_for(asyncio.wrap_future(added.future), ADD_TIMEOUT)).last

    async def _attach_clients(
        self, stack: AsyncExitStack, supervisor: SupervisorRef, screen: TypedRef[Any], after: int
    ) -> LocalClient | None:
        plan = self._plan
        files = {"journal": plan.keeping.journal, "record": plan.keeping.record}
        for name, file in files.items():
            if file is not None:
                cap = JournalCap(plan.run_size // 2, SPARE) if name == "record" else None
                writer = self._begin(
                    stack, spawn_journal(file=file, parent=_Aside(screen), cap=cap)
                )
                self._attach(supervisor, name, writer, after if file.tell() else 0)
        self._follow(stack, supervisor, screen, after)
        for warning in plan.keeping.warnings:
            RunEvents(supervisor).warning(warning)
        shown = LocalChannel(screen, loop=self.loop)
        if not plan.demonstrate:
            supervisor.tell(AttachClient(channel=shown, client_id="terminal", after=0))
            return None
        client = LocalClient(client_id="local", screen=shown)
        stack.push_async_callback(client.close)
        await client.connect(supervisor)
        return client

    def _follow(
        self, stack: AsyncExitStack, supervisor: SupervisorRef, screen: TypedRef[Any], after: int
    ) -> None:
        """Keep the run in short, and tell of it whoever wants to be told."""
        plan = self._plan
        run = plan.keeping.run
        if plan.replay is not None or (run is None and plan.notify_command is None):
            return
        if plan.notify_command is not None:
            self._notifier = notices.Notifier(
                plan.notify_command,
                {
                    "host": socket.gethostname(),
                    "run": run.name if run is not None else "",
                    "see_again": plan.again or "",
                    "link": "",
                },
            )
            # Behind all that the follower tells at its end.
            stack.push_async_callback(asyncio.to_thread, self._notifier.close)
        follower = self._begin(
            stack,
            notices.spawn(parent=_Aside(screen), run=run, notifier=self._notifier, after=after),
        )
        self._attach(supervisor, "notices", follower, 0, PAGES_PROTOCOL)

    def _attach(
        self,
        supervisor: SupervisorRef,
        client_id: str,
        taker: Mailbox[TextsForwarded],
        after: int,
        protocol: str = EVENTS_PROTOCOL,
    ) -> None:
        channel = LocalChannel(taker, loop=self.loop, protocol=protocol)

        def closed() -> None:
            if channel.failure is not None:
                RunEvents(supervisor).warning(channel.failure)

        channel.on("close", closed)
        # In the summary are the clients that show the run to somebody.
        supervisor.tell(
            AttachClient(channel=channel, client_id=client_id, after=after, is_counted=False)
        )

    async def _serve(
        self, stack: AsyncExitStack, supervisor: SupervisorRef, screen: TypedRef[Any]
    ) -> TypedRef[DigestMessage] | None:
        """Serve the page, if it is wanted; what is told of the run with it."""
        if self._plan.viewers is None:
            return None
        taker = self._begin(
            stack, digest.spawn(parent=_Aside(screen), earlier=self._plan.replay is not None)
        )
        self._attach(supervisor, "digest", taker, 0, PAGES_PROTOCOL)
        server = self._begin(
            stack,
            viewer.spawn(
                loop=self.loop,
                parent=_Aside(screen),
                supervisor=supervisor,
                digest=taker,
                archive=self._archive(stack, screen),
                settings=self._plan.viewers,
            ),
        )
        answer: ServingStarted | ServingFailed = await _answer(
            STOP_TIMEOUT, lambda to: server.tell(StartServing(reply_to=to))
        )
        if isinstance(answer, ServingFailed):
            if self._plan.replay is not None:
                raise _NotServedError(answer.reason)
            RunEvents(supervisor).warning(f"{answer.reason}; the training runs without a page")
            return None
        if self._live is not None:
            self._live.say(link=answer.link)
        if self._notifier is not None:
            self._notifier.say(link=answer.link.partition("#")[0])  # without the token
        stack.push_async_callback(self._stop_serving, server)
        self._show_link(screen, f"watch and stop it at {answer.link}")
        if answer.read_only_link is not None:
            self._show_link(screen, f"watch it at {answer.read_only_link}")
        way = await asyncio.to_thread(viewer.way_to, self._plan.viewers.host, answer.port)
        if way is not None:
            self._show_link(screen, "to open it on your own machine, run this there first:")
            self._show_link(screen, f"    {way}")
        return taker

    def _archive(
        self, stack: AsyncExitStack, screen: TypedRef[Any]
    ) -> TypedRef[ArchiveMessage] | None:
        """What reads the other runs, where there is a place for them."""
        plan = self._plan
        if plan.runs is None:
            return None
        shown = ""
        if plan.replay is not None and plan.replay.absolute().parent.parent == plan.runs.folder:
            shown = plan.replay.absolute().parent.name
        elif plan.keeping.run is not None:
            shown = plan.keeping.run.name
        ref = archive.spawn(parent=_Aside(screen), runs=plan.runs, shown=shown)
        return self._begin(stack, ref)

    def _show_link(self, screen: TypedRef[Any], text: str) -> None:
        screen.tell(ShowLine(text=text))
        if self._console.quiet:
            self._errors.print(text, soft_wrap=True, highlight=False)

    async def _stop_serving(self, server: TypedRef[Any]) -> None:
        stopped: FutureMailbox[ServingStopped] = FutureMailbox()
        server.tell(StopServing(reply_to=stopped))
        await asyncio.wait({asyncio.wrap_future(stopped.future)}, timeout=STOP_TIMEOUT)

    # The run's folder

    def _begin_live(self, stack: AsyncExitStack) -> None:
        run, plan = self._plan.keeping.run, self._plan
        if run is None:
            return

        def tidy() -> None:
            if plan.runs is not None:
                plan.runs.tidy(count=plan.runs_kept, size=plan.runs_size, but=run.folder)

        self._live = LiveFile(run, tidy=tidy)
        stack.callback(self._end_live, self._live)

    def _end_live(self, live: LiveFile) -> None:
        """A training that goes on is found by what stands there."""
        if self._has_ended:
            live.end()

    def _store(self) -> OutputStore | None:
        run = self._plan.keeping.run
        if run is None or not (self._plan.command or self._plan.keeping.adopted):
            return None
        return OutputStore(folder=run.folder, limit=self._plan.run_size, spare=SPARE)

    def _adopted(self) -> EarlierPart | None:
        keeping = self._plan.keeping
        if not keeping.adopted or keeping.run is None:
            return None
        return self._earlier.part(keeping.run.facts.began)

    def _attempt(self) -> int:
        goes_on = self._plan.keeping.adopted or not self._plan.command
        return 1 if goes_on or self._plan.keeping.earlier is None else self._earlier.attempts + 1


class _Ready:
    """Hears the addresses."""

    def __init__(self, live: LiveFile) -> None:
        self._live = live

    def tell(self, message: ReportingReady, /) -> None:
        self._live.say(
            control_address=message.control_address, progress_address=message.progress_address
        )


class _NotServedError(Exception):
    """The page cannot be served."""


class _Aside:
    """The parent of what a training can do without: its crash is shown, and ends nothing."""

    def __init__(self, screen: Mailbox[ShowLine] | None = None) -> None:
        self._screen = screen

    def tell(self, message: ChildDown, /) -> None:
        if message.reason is not None:
            text = f"{message.child} has failed, the training goes on: {message.reason}"
            log.error("%s", text)
            reply(self._screen, ShowLine(text=f"warning: {text}"))


class _Left:
    """Hears of a training that goes on without the worker, and says how to find it."""

    def __init__(self, screen: Mailbox[ShowLine]) -> None:
        self._screen = screen

    def tell(self, message: TrainerLeft, /) -> None:
        text = f"the training goes on without this worker: process {message.pid}"
        if message.folder is not None:
            text += f"; its output goes to {message.folder / OUTPUT}"
            text += f"; to go on with it: {program()} --adopt={message.folder.name}"
        self._screen.tell(ShowLine(text=text))


async def _answer(timeout: float, ask: Callable[[Mailbox[M]], None]) -> M:  # noqa: ASYNC109 - ours
    """The answer to what ``ask`` tells. Raises TimeoutError."""
    answer: FutureMailbox[M] = FutureMailbox()
    ask(answer)
    return await asyncio.wait_for(asyncio.wrap_future(answer.future), timeout)
