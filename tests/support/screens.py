"""A terminal's actor, and what it is told and shows."""

import io
import re
from typing import Any

from rich.console import Console

from actors.worker.outputs.terminal import spawn
from messages import (
    ReportingSummary,
    RunState,
    StateChanged,
    TextsForwarded,
    encode_event,
    encode_report,
)
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE

SUMMARY = ReportingSummary(received=1234, forwarded=1200, failed=30, undecodable=4)
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    """A terminal's actor and what it has written."""

    def __init__(self, *, terminal: bool, width: int, quiet: bool, **options: Any) -> None:
        self.file, self.errors = io.StringIO(), io.StringIO()
        console = Console(
            file=self.file,
            width=width,
            height=50,
            force_terminal=terminal,
            color_system="standard" if terminal else None,
            _environ={"TERM": "xterm"},  # not that of whoever runs the tests
            quiet=quiet,
        )
        errors = Console(file=self.errors)
        self.actor = spawn(console=console, errors=errors, parent=Probe(), **options)

    def after(self, *messages: Any) -> str:
        """All that has been written when ``messages`` have been shown and the actor has ended."""
        for message in messages:
            self.actor.tell(message)
        self.actor.stop(timeout=PATIENCE)
        return self.file.getvalue()


def texts(*messages: Any) -> TextsForwarded:
    """Reports, and events, as a client receives them."""
    found = (m if isinstance(m, str) else encode_event(m) for m in messages)
    return TextsForwarded(texts=tuple(map(encode_report, found)), reply_to=Probe())


def training(epochs: int | None) -> TextsForwarded:
    return texts(StateChanged(state=RunState.TRAINING, text="begins", epochs=epochs))


RUN = texts(
    '{"event": "train_begin"}',
    '{"event": "epoch_begin", "epoch": 0}',
    '{"event": "batch_end", "logs": {"loss": 0.75}}',
    '{"event": "batch_end", "logs": {"loss": 0.5}}',
    '{"event": "epoch_end", "logs": {"train/loss": 0.625, "val/loss": 0.375}}',
    '{"event": "epoch_begin", "epoch": 1}',
    '{"event": "batch_end", "logs": {"loss": 0.25}}',
    '{"event": "epoch_end", "logs": {"train/loss": 0.125}}',
    '{"event": "train_end"}',
)
"""Two epochs of one model."""


def unstyled(shown: str) -> str:
    """It without colours and the like."""
    return _STYLE.sub("", shown)


def rows(table: str) -> list[list[str]]:
    """The cells of a table's rows."""
    lines = [unstyled(line) for line in table.splitlines()]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
