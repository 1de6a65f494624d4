"""The terminal's actor: owns stdout, and shows the run as the client receives it.

It runs on a thread of its own, so that a slow terminal holds up nothing else.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from io import TextIOWrapper
from typing import TypeAlias, assert_never

import pykka
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from actors.run_record import Epoch, RunRecord
from actors.typed_ref import TypedRef
from messages import (
    ReportingSummary,
    ShowOutput,
    ShowReport,
    ShowState,
    ShowSummary,
    TerminalMessage,
)

log = logging.getLogger(__name__)

_Inbox: TypeAlias = TerminalMessage


class WorkerConsole(Console):
    """stdout; what it cannot encode is replaced, and a reader that goes away ends nothing."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        super().__init__()

    def on_broken_pipe(self) -> None:
        """Nobody reads any more: write nothing, also not when Python flushes stdout at its end."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def spawn(*, console: Console, epochs: int | None) -> TypedRef[TerminalMessage]:
    """Start the actor on a thread of its own; ``epochs`` is their number where it is known."""
    return TypedRef(TerminalActor.start(console=console, epochs=epochs))


class TerminalActor(pykka.ThreadingActor):
    """Takes ``TerminalMessage``: a bar for each epoch on a terminal, a line for each elsewhere."""

    use_daemon_thread = True

    def __init__(self, *, console: Console, epochs: int | None) -> None:
        super().__init__()
        self._console = console
        self._epochs = epochs
        self._record = RunRecord()
        self._bar: TaskID | None = None
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[losses]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def on_start(self) -> None:
        """Begin to show."""
        self._progress.start()

    def on_stop(self) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message; a stdout that takes nothing, as on a full disk, is let go of."""
        try:
            self._show(message)
        except OSError as error:
            log.error("stdout is not written to any more: %s", error)
            self._console.quiet = True

    def _show(self, message: _Inbox) -> None:
        match message:
            case ShowState():
                self._console.print(Text(message.text, style="bold"), soft_wrap=True)
            case ShowOutput():
                for line in message.lines:
                    self._console.print(Text.from_ansi(line, style="dim"), soft_wrap=True)
            case ShowReport():
                self._show_report(self._record.add(message.message, now=time.monotonic()))
            case ShowSummary():
                self._show_summary(message.summary)
            case _:
                assert_never(message)

    def _show_report(self, event: str) -> None:
        epoch = self._record.epoch
        if epoch is None:
            return
        if event == "epoch_begin":
            self._bar = self._progress.add_task(
                self._title(epoch), total=self._record.batches_per_epoch, losses=""
            )
        elif self._bar is not None and event == "batch_end":
            losses = f"loss {_shown(epoch.batch_loss)}"
            self._progress.update(self._bar, completed=epoch.batches, losses=losses)
        elif self._bar is not None and event == "epoch_end":
            losses = f"loss {_shown(epoch.train_loss)}  val {_shown(epoch.val_loss)}"
            self._progress.update(
                self._bar, total=epoch.batches, completed=epoch.batches, losses=losses
            )
            if not self._console.is_terminal:
                line = f"{self._title(epoch)}: {epoch.batches} batches  {losses}"
                self._console.print(Text(line), soft_wrap=True)

    def _title(self, epoch: Epoch) -> str:
        last = "" if self._epochs is None else f"/{self._epochs}"
        return f"epoch {epoch.number + 1}{last}"

    def _show_summary(self, summary: ReportingSummary | None) -> None:
        self._progress.stop()
        if self._record.epochs:
            self._console.print(self._run_table())
        if summary is not None:
            self._console.print(self._counts_table(summary))

    def _run_table(self) -> Table:
        table = Table(title="The run, as the client received it", title_justify="left")
        for column in ("epoch", "batches", "train loss", "val loss", "seconds"):
            table.add_column(column, justify="right")
        for epoch in self._record.epochs:
            table.add_row(
                str(epoch.number + 1),
                str(epoch.batches),
                _shown(epoch.train_loss),
                _shown(epoch.val_loss),
                "" if epoch.seconds is None else f"{epoch.seconds:.1f}",
            )
        return table

    def _counts_table(self, summary: ReportingSummary) -> Table:
        table = Table(title="Reports", title_justify="left")
        table.add_column("count")
        table.add_column("reports", justify="right")
        table.add_row("received from the trainer", str(summary.received))
        table.add_row("forwarded to the client", str(summary.forwarded))
        table.add_row("failed", str(summary.failed))
        table.add_row("undecodable", str(summary.undecodable))
        table.add_section()
        table.add_row("received by the client", str(self._record.received))
        for event, count in sorted(self._record.events.items()):
            table.add_row(Text(f"  {event}"), str(count))
        return table


def _shown(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.5f}"
