"""The standalone worker: its life, from its actors' start to their end, which is in reverse."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import time
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

from actors.runtime import Adapter, FutureMailbox, threads_given
from actors.supervisor import SupervisorRef, spawn_supervisor
from actors.worker import actor, resources, trainer
from actors.worker.clients import Clients, NotServedError
from actors.worker.command_line import NO_THREADS, PlanError, invocation
from actors.worker.earlier import EarlierRun
from actors.worker.events import RunEvents
from actors.worker.keeper import ENDING, OUTPUT, name_of
from actors.worker.outputs import JournalError, LiveFile, read_journal, spawn_terminal
from actors.worker.parts import Aside, Parts, answer, end
from actors.worker.plan import DRAIN_TIMEOUT, SPARE, beside_others
from actors.worker.replaying import into_log, show_again
from actors.worker.signals import EXIT_LEFT
from messages import (
    AwaitEnd,
    CancelTraining,
    ChildDown,
    EarlierPart,
    EndShown,
    OutputStore,
    RunTraining,
    ShowCountdown,
    ShowLine,
    ShowSummary,
    SignalReceived,
    StopTraining,
    TrainerLeft,
    TrainingEnded,
    WorkerBegan,
)

if TYPE_CHECKING:
    from rich.console import Console

    from actors.runtime import TypedRef
    from actors.worker.keeper import Dispositions
    from actors.worker.outputs import LocalClient
    from actors.worker.plan import Plan
    from messages import TrainerMessage

log = logging.getLogger(__name__)

CLIENT_TIMEOUT: Final = 5.0
"""Seconds that the local client may take to receive what has been handed to its channel."""

LEAVE_TIMEOUT: Final = 3.0
"""Seconds that SIGQUIT waits for each of those who say what goes on without the worker."""

FIRST_THREADS: Final = 7
"""Without so many an actor would begin, fail to start another, and crash; each worker has more."""

EXIT_BROKEN: Final = 70
"""The worker's exit code when a part of it has failed (sysexits' EX_SOFTWARE)."""

EXIT_NOT_STARTED: Final = actor.EXIT_NOT_STARTED


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
        """Raises PlanError where the system gives no threads."""
        self._plan = plan
        self.loop = asyncio.get_running_loop()
        self._console = console
        self._errors = errors
        self._dispositions = dispositions
        self._down: FutureMailbox[ChildDown] = FutureMailbox()
        self._released = asyncio.Event()
        self._interrupted = self._stays_up = False
        self._earlier = EarlierRun()
        self._live: LiveFile | None = None
        self._has_ended = False
        self._is_empty = True  # there is no run to keep
        self.has_begun = False
        """Whether the worker has been told to run the training."""
        self._screen: TypedRef[Any] | None = None
        self._trainer: TypedRef[TrainerMessage] | None = None
        if threads_given(FIRST_THREADS) < FIRST_THREADS:
            raise PlanError(NO_THREADS)
        self.worker = actor.spawn(parent=self._down)

    def signalled(self, number: int) -> None:
        """A signal has come."""
        if number in self._plan.stop_on:
            self._order(StopTraining(by=name_of(number)))
            self._released.set()
        elif number == signal.SIGINT:
            self.interrupt()
        elif number == signal.SIGTERM:
            self.terminate()
        elif number in ENDING:
            self.worker.tell(SignalReceived(name=name_of(number)))

    def interrupt(self) -> None:
        """Ctrl-C: stop the training, and cancel it at the second one; then close the page.

        A page that is to stay up until Ctrl-C is closed by one that comes after the training.
        """
        self._order(CancelTraining() if self._interrupted else StopTraining())
        self._interrupted = True
        if self._stays_up or self._plan.stays_up < math.inf:
            self._released.set()

    def terminate(self) -> None:
        """SIGTERM: cancel the training; keep nothing open."""
        self._order(CancelTraining())
        self._released.set()

    def _order(self, order: StopTraining | CancelTraining) -> None:
        if not self._stays_up:  # then it would be refused: the training is over
            self.worker.tell(order)

    def leave(self) -> None:
        """SIGQUIT: leave the training alone, and say so; on any thread but the event loop's.

        Blocks for two times ``LEAVE_TIMEOUT`` at most. The process has to be ended after it.
        """
        if self._screen is None:
            return
        self._screen.tell(ShowLine(text="SIGQUIT has come: this worker ends at once"))
        if self._trainer is not None:
            self._trainer.stop(timeout=LEAVE_TIMEOUT)
        self._screen.stop(timeout=LEAVE_TIMEOUT)

    async def run(self) -> int:
        """Run the training, or show the run again; the exit code."""
        self._plan = await asyncio.to_thread(beside_others, self._plan)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(end, self.worker)
            screen = spawn_terminal(
                console=self._console,
                errors=self._errors,
                parent=Aside(),
                has_tables=self._plan.has_tables,
                is_replay=self._plan.replay is not None,
                worker=None if self._plan.replay is not None else self.worker,
            )
            stack.push_async_callback(end, screen)
            self._screen = screen
            supervisor = spawn_supervisor(
                loop=self.loop, owner=self.worker, settings=self._plan.settings
            )
            self._begin_live(stack)
            try:
                return await self._report(Parts(stack=stack, supervisor=supervisor, screen=screen))
            finally:  # before those end who take what it still delivers
                await self._end_supervisor(supervisor)

    async def _report(self, parts: Parts) -> int:
        clients = Clients(
            self._plan, parts, live=self._live, console=self._console, errors=self._errors
        )
        try:
            if self._plan.replay:
                await show_again(self._plan.replay, parts, clients, closed=self._released)
                await self._end_supervisor(parts.supervisor)
                parts.screen.tell(ShowSummary(summary=None))
                return 0
            last = await self._read_earlier(parts)
            if last:
                parts.show("the run so far:")
                self._say_who_goes_on(parts)
            client = await clients.attach(last)
            await clients.serve(after=last + 1 if last else 0)
        except (OSError, JournalError, NotServedError) as error:
            parts.show(f"error: {error}")
            return EXIT_BROKEN if isinstance(error, ConnectionError) else EXIT_NOT_STARTED
        return await self._train(parts, clients, client)

    async def _train(self, parts: Parts, clients: Clients, client: LocalClient | None) -> int:
        plan = self._plan
        ended: FutureMailbox[TrainingEnded] = FutureMailbox()
        self.worker.tell(
            RunTraining(
                job_id="training",
                command=plan.command,
                gui=plan.gui,
                supervisor=parts.supervisor,
                trainer=self._begin_trainer(parts),
                resources=parts.begin(resources.spawn(parent=parts.aside)),
                reply_to=ended,
                title=plan.title,
                epochs=plan.epochs,
                models=plan.models,
                checkpoint_folders=plan.checkpoint_folders,
                saves_model=plan.saves_model,
                grace=plan.grace,
                store=self._store(),
                adopted=self._adopted(),
                attempt=self._attempt(),
                ready=self._live,
                over=clients,
                refusal=plan.refusal,
                drain_timeout=plan.settings.drain_timeout,
            )
        )
        self.has_begun, self._is_empty = True, False
        futures = (asyncio.wrap_future(answer.future) for answer in (ended, self._down))
        await asyncio.wait(tuple(futures), return_when=asyncio.FIRST_COMPLETED)
        if not ended.future.done():
            reason = self._down.future.result().reason
            if reason is None:  # it has been left
                return EXIT_LEFT
            parts.show(f"error: {reason}")
            clients.hurry()
            return EXIT_BROKEN
        told = ended.future.result()
        self._has_ended = True
        self._is_empty = not clients.has_training
        if client is not None and told.summary is not None:
            count = told.summary.received - told.summary.undecodable
            await client.received(count, timeout=CLIENT_TIMEOUT)
        stays_up = plan.viewers is not None and plan.stays_up > 0
        stays_up = stays_up and clients.has_training and not self._released.is_set()
        if stays_up:
            with suppress(TimeoutError):  # the end is shown when its terminal takes it
                _shown: EndShown = await answer(
                    lambda to: parts.screen.tell(AwaitEnd(reply_to=to)), within=DRAIN_TIMEOUT
                )
            self._show_summary(parts, clients, told)
            await self._stay_up(parts, plan.stays_up)
        # Behind all that is left of the run, which the supervisor's end delivers.
        await self._end_supervisor(parts.supervisor)
        if not stays_up:
            self._show_summary(parts, clients, told)
        return told.exit_code

    def _show_summary(self, parts: Parts, clients: Clients, told: TrainingEnded) -> None:
        parts.screen.tell(
            ShowSummary(
                summary=told.summary, again=clients.again(), earlier=self._earlier.has_reports
            )
        )

    async def _stay_up(self, parts: Parts, seconds: float) -> None:
        """Leave the page of the finished run up for ``seconds``, or until Ctrl-C."""
        self._stays_up = True
        if seconds == math.inf:
            parts.show("the training is over; the page stays up until Ctrl-C")
            await self._released.wait()
            return
        parts.show(
            f"the page stays up for {seconds:.0f} s, or until Ctrl-C; with --keep-open it "
            "stays until Ctrl-C"
        )
        until = time.monotonic() + seconds
        parts.screen.tell(ShowCountdown(text="the page closes in", at=until))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), seconds)

    def _begin_trainer(self, parts: Parts) -> TypedRef[TrainerMessage]:
        self._trainer = parts.begin(
            trainer.spawn(
                parent=self._down,
                left=Adapter(parts.screen, _how_it_goes_on),
                dispositions=self._dispositions,
            )
        )
        return self._trainer

    async def _end_supervisor(self, supervisor: SupervisorRef) -> None:
        # A quarter of the time is for delivering what is left.
        if not await supervisor.stop_async(timeout=4 * DRAIN_TIMEOUT):
            log.error("the reporter has not ended")

    async def _read_earlier(self, parts: Parts) -> int:
        """Put an earlier part of the run into the log; its last position."""
        earlier = self._plan.keeping.earlier
        if earlier is None:
            return 0
        last, entries = 0, self._earlier.taken(read_journal(earlier))
        try:
            async for position in into_log(parts.supervisor, entries, where=earlier):
                last = position
        except (JournalError, OSError) as error:
            if self._plan.keeping.adopted:
                raise
            parts.warn(f"{error}; the training runs")
        return last

    def _say_who_goes_on(self, parts: Parts) -> None:
        process = os.getpid()
        text = f"that was the run so far; process {process} goes on with it"
        RunEvents(parts.supervisor).add(WorkerBegan(process=process, text=text))

    # The run's folder

    def _begin_live(self, stack: AsyncExitStack) -> None:
        run, plan = self._plan.keeping.run, self._plan
        if run is None:
            return

        def tidy() -> None:
            if plan.runs is not None:
                plan.runs.tidy(count=plan.runs_kept, size=plan.runs_size, but=run.folder)

        self._live = LiveFile(run, tidy=tidy)
        stack.push_async_callback(self._end_live, self._live)

    async def _end_live(self, live: LiveFile) -> None:
        """A training that goes on is found by what stands there."""
        keeping = self._plan.keeping
        goes_on = keeping.run is not None and keeping.earlier == keeping.run.journal
        is_empty = self._is_empty and not goes_on
        await asyncio.to_thread(live.end, has_ended=self._has_ended, is_empty=is_empty)

    def _store(self) -> OutputStore | None:
        run = self._plan.keeping.run
        if run is None or not (self._plan.command or self._plan.keeping.adopted):
            return None
        return OutputStore(folder=run.folder, limit=self._plan.run_size, spare=SPARE)

    def _adopted(self) -> EarlierPart | None:
        keeping = self._plan.keeping
        if not keeping.adopted or keeping.run is None:
            return None
        return self._earlier.part(keeping.run.facts.began, has_ended=keeping.has_ended)

    def _attempt(self) -> int:
        goes_on = self._plan.keeping.adopted or not self._plan.command
        return 1 if goes_on or self._plan.keeping.earlier is None else self._earlier.attempts + 1


def _how_it_goes_on(left: TrainerLeft) -> ShowLine:
    """What is shown of a training that goes on without the worker, and how to find it."""
    text = f"the training goes on without this worker: process {left.pid}"
    if left.folder is not None:
        text += f"; its output goes to {left.folder / OUTPUT}"
        text += f"; to go on with it: {invocation()} --adopt={left.folder.name}"
    return ShowLine(text=text)
