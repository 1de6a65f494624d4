"""The terminal's actor: owns stdout, and shows the run as a client of it.

It runs on a thread of its own, so that a slow terminal holds up nothing else.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from rich.console import Console, Group
from rich.live import Live
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from actors.runtime import ThreadActor, reply, starter
from actors.worker.outputs.ending import ending
from actors.worker.outputs.escapes import coloured, plain
from actors.worker.outputs.run_record import Epoch, RunRecord
from actors.worker.outputs.tables import counts_table, run_table
from actors.worker.outputs.words import gigabytes, loss_words, moment
from messages import (
    TERMINAL,
    AttemptBegan,
    AwaitEnd,
    ChildDown,
    ClockTold,
    ControlStep,
    ControlTaken,
    EndShown,
    EpochRead,
    JobOutcome,
    Mailbox,
    OutputWritten,
    ReportsNotKnown,
    ResourcesUsed,
    RunState,
    ShowCountdown,
    ShowLine,
    ShowSummary,
    StateChanged,
    TerminalMessage,
    TextsForwarded,
    TextsTaken,
    TrainingReport,
    WarningGiven,
    WorkerBegan,
    WorkerEvent,
    decode_event,
    decode_report,
)

if TYPE_CHECKING:
    import argparse

log = logging.getLogger(__name__)

_OWN: Final = __name__.partition(".")[0]
"""The name that all of this program's loggers begin with."""

WIDTH: Final = 80
"""Columns of a terminal that is said to have none."""

NOT_KNOWN_AFTER: Final = 3
"""Reports without a known event after which none is expected to follow."""

_Inbox: TypeAlias = TerminalMessage


class WorkerConsole(Console):
    """stdout; what it cannot encode is replaced, and a reader that goes away ends nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        super().__init__(quiet=quiet)

    def on_broken_pipe(self) -> None:
        """Nobody reads any more: write nothing, also not when Python flushes stdout at its end."""
        self.quiet = True
        leave_stdout()


def leave_stdout() -> None:
    """Write nothing there any more, also not what Python has kept for its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class _WholeLines(logging.Handler):
    """The log for a file or a pipe: no line of it is broken."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Write ``record``."""
        try:
            self._console.print(Text(self.format(record)), soft_wrap=True)
        except Exception:  # as every handler of a log does
            self.handleError(record)


def consoles(options: argparse.Namespace) -> tuple[Console, Console]:
    """Stdout and stderr, and the log between their lines."""
    console, errors = WorkerConsole(quiet=options.quiet), Console(stderr=True)
    for each in (console, errors):
        if each.width < 1:  # $COLUMNS is 0, as where nobody knows it
            each.width = WIDTH
    _begin_log(options.log_level, errors if options.quiet else console)
    return console, errors


def _begin_log(level: str, console: Console) -> None:
    """Log to ``console``: this program from ``level`` on, the libraries what they warn of."""
    handler: logging.Handler
    if console.is_terminal:
        handler = RichHandler(console=console, show_path=False)
        line = "%(name)s: %(message)s"
    else:
        handler = _WholeLines(console)
        line = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    own = logging.DEBUG if level == "all" else logging.getLevelNamesMapping()[level.upper()]
    others = own if level == "all" else max(own, logging.WARNING)
    logging.basicConfig(level=others, format=line, handlers=[handler])
    logging.getLogger(_OWN).setLevel(own)


class TerminalActor(ThreadActor[TerminalMessage]):
    """Takes ``TerminalMessage``: the run as a client of it knows it.

    On a terminal it has a bar for the epoch, the trainer's progress bar and what it uses below the
    lines; elsewhere all are lines. ``has_tables`` adds tables of all epochs and counts at its end.
    With ``is_replay`` all are lines as well, for nothing goes on: the run is a recording.
    What went wrong is shown on ``errors`` too when ``console`` is quiet.
    """

    name = "terminal"

    def __init__(
        self,
        *,
        console: Console,
        errors: Console,
        parent: Mailbox[ChildDown],
        has_tables: bool = False,
        is_replay: bool = False,
        worker: Mailbox[ReportsNotKnown] | None = None,
    ) -> None:
        super().__init__()
        self.parent = parent
        self._worker = worker
        self._is_known = worker is None
        self._console = console
        self._errors = errors
        self._has_tables, self._is_replay = has_tables, is_replay
        self._record = RunRecord()
        self._report: TrainingReport | None = None
        self._awaiting: list[AwaitEnd] = []
        self._position = 0  # in the run's log, of what was shown last
        self._later: list[ShowLine] = []
        self._clock: float | None = None
        self._epochs: int | None = None
        self._bar: TaskID | None = None
        self._changing = self._resources = ""
        self._kill_at: float | None = None
        self._until: ShowCountdown | None = None
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[losses]}"),
            console=console,
        )
        self._live = Live(
            console=console, get_renderable=self._below, transient=True, auto_refresh=True
        )

    def set_up(self) -> None:
        """Begin to show."""
        if self._console.is_terminal and not self._is_replay:
            self._live.start()

    def release(self) -> None:
        """Leave the terminal as it was; what waits for its place is shown before."""
        with suppress(OSError):
            self._show_later(math.inf)
        self._live.stop()

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message; a stdout that takes nothing, as on a full disk, is left."""
        try:
            self._show(message)
        except OSError as error:
            self._console.quiet = True  # what goes wrong is shown on stderr from here on
            if self._console.file is sys.stdout:
                leave_stdout()
            with suppress(OSError):
                self._trouble(f"warning: nothing more is shown on stdout: {error}")
        if isinstance(message, TextsForwarded):
            reply(message.reply_to, TextsTaken())

    def _show(self, message: _Inbox) -> None:
        match message:
            case TextsForwarded():
                for text in message.texts:
                    self._show_any(text)
            case ShowLine():
                self._later.append(message)
                self._show_later(self._position)
            case ShowCountdown():
                self._until = message
            case ShowSummary():
                self._show_summary(message)
            case AwaitEnd():
                self._awaiting.append(message)
                self._tell_end()
            case _:
                assert_never(message)

    def _show_any(self, text: str) -> None:
        """Show ``text``; one that cannot be shown, whatever is in it, costs itself alone."""
        try:
            self._show_text(text)
        except OSError:
            raise
        except Exception:
            log.exception("not shown: %.200r", text)

    def _below(self) -> Group:
        lines = self._changing.split("\n") if self._changing else []
        lines += [line for line in (self._resources, self._countdown()) if line]
        return Group(*map(_dim, lines), self._progress)

    def _countdown(self) -> str:
        if self._until is not None:
            return f"{self._until.text} {max(0.0, self._until.at - time.monotonic()):.0f} s"
        left = 0.0 if self._kill_at is None else self._kill_at - time.time()
        return f"KILL in {left:.0f} s" if left > 0 else ""

    # The run

    def _show_text(self, text: str) -> None:
        message = decode_report(text)
        if message is None:
            return
        event = decode_event(message)
        if isinstance(event, ClockTold):
            self._position = event.position - 1
        else:
            self._position += 1
        if event is None:
            now = time.monotonic() if self._clock is None else self._clock
            self._show_report(self._record.add(message, now=now))
            if not self._is_known:
                self._look_whether_known()
        else:
            self._show_event(event)
        if self._later:
            self._show_later(self._position)

    def _show_event(self, event: WorkerEvent) -> None:
        self._record.note(event)
        match event:
            case ClockTold():
                if self._is_replay and self._clock is None:
                    self._line(f"a recording, begun {moment(event.time)}")
                self._clock = event.time
            case StateChanged():
                self._epochs, self._kill_at = event.epochs, event.kill_at
                if event.state is not RunState.ENDED:  # the report has said it
                    self._line(event.text)
            case ControlTaken():
                waits = event.by == TERMINAL and event.step in (ControlStep.SENT, ControlStep.HELD)
                again = "; Ctrl-C again ends it at once" if waits and not self._is_replay else ""
                self._line(event.text + again)
            case OutputWritten():
                self._changing = event.changing or ""
                if event.lines:  # in one: a print takes as long as many lines
                    lines = Text("\n").join(map(_dim, event.lines))
                    self._console.print(lines, soft_wrap=True)
            case ResourcesUsed():
                self._resources = _resources(event)
            case WarningGiven():
                self._trouble(f"warning: {event.text}")
            case AttemptBegan() | WorkerBegan():
                self._line(event.text)
            case EpochRead():
                self._show_read(event)
            case TrainingReport():
                self._show_end(event)
            case _:
                assert_never(event)

    def _show_read(self, epoch: EpochRead) -> None:
        if self._record.fill_in(epoch):
            known = (("loss", epoch.train_loss), ("val", epoch.val_loss))
            told = [f"{name} {loss_words(loss)}" for name, loss in known if loss is not None]
            losses = "  ".join(told) or "no loss"
            self._line(f"epoch {epoch.epoch + 1}: {losses}, as the trainer's own log has it")

    def _show_end(self, report: TrainingReport) -> None:
        self._report = report
        self._changing = self._resources = ""
        if report.outcome == JobOutcome.FAILED.value:
            self._trouble(f"error: {report.text}")
            if report.advice:
                self._trouble(f"  {report.advice}")
        else:
            self._line(report.text)
        self._tell_end()

    def _tell_end(self) -> None:
        if self._report is None:
            return
        for request in self._awaiting:
            reply(request.reply_to, EndShown())
        self._awaiting.clear()

    def _show_report(self, event: str) -> None:
        epoch = self._record.epoch
        if epoch is None:
            return
        if event == "epoch_begin":
            self._bar = self._progress.add_task(
                self._title(epoch), total=self._record.batches_per_epoch, losses=""
            )
        elif self._bar is not None and event == "batch_end":
            losses = f"loss {loss_words(epoch.batch_loss)}"
            self._progress.update(self._bar, completed=epoch.batches, losses=losses)
        elif self._bar is not None and event == "epoch_end":
            self._progress.remove_task(self._bar)
            self._bar = None
            losses = f"loss {loss_words(epoch.train_loss)}  val {loss_words(epoch.val_loss)}"
            batches = "1 batch" if epoch.batches == 1 else f"{epoch.batches} batches"
            line = f"{self._title(epoch)}: {batches}  {losses}"
            self._console.print(Text(line), soft_wrap=True)

    def _look_whether_known(self) -> None:
        """Tell the worker, once, that none of the reports is known."""
        if self._record.is_known:
            self._is_known = True
        elif self._record.received >= NOT_KNOWN_AFTER:
            self._is_known = True
            reply(self._worker, ReportsNotKnown())

    def _title(self, epoch: Epoch) -> str:
        last = "" if self._epochs is None else f"/{self._epochs}"
        return f"epoch {epoch.number + 1}{last}"

    # Lines

    def _show_later(self, position: float) -> None:
        """Show the lines that come behind the run up to ``position``."""
        waiting, self._later = self._later, []
        for line in waiting:
            if line.after <= position:
                self._line(line.text)
            else:
                self._later.append(line)

    def _line(self, text: str) -> None:
        self._console.print(Text(plain(text), style="bold"), soft_wrap=True)

    def _trouble(self, text: str) -> None:
        self._line(text)
        if self._console.quiet:
            self._errors.print(Text(plain(text)), soft_wrap=True)

    def _show_summary(self, message: ShowSummary) -> None:
        facts = ending(
            self._record,
            self._report,
            total=self._epochs,
            again=message.again,
            listened=message.summary is not None,
        )
        if self._is_replay and self._report is None:
            facts.insert(0, ("outcome", "not known: the recording ends before the training did"))
        for name, words in facts:
            self._console.print(Text.assemble((f"{name:13}", "dim"), plain(words)), soft_wrap=True)
        if not self._has_tables:
            return
        if self._record.epochs:
            self._console.print(run_table(self._record))
        if message.summary is not None:
            self._console.print(
                counts_table(message.summary, self._record, earlier=message.earlier)
            )


def _dim(line: str) -> Text:
    """A line of output; most have no colours, and are not searched for any."""
    if "\x1b" in line:
        return Text.from_ansi(coloured(line), style="dim")
    return Text(plain(line), style="dim")


def _resources(used: ResourcesUsed) -> str:
    parts = [f"CPU {used.percent:.0f} %", f"memory {gigabytes(used.memory)}"]
    parts += [
        f"{gpu.name} {gpu.percent} %, {gigabytes(gpu.memory)} of {gigabytes(gpu.memory_total)}"
        for gpu in used.gpus
    ]
    return "  ".join(parts)


spawn = starter(TerminalActor)
