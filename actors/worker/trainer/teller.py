"""OutputTeller: tells a training's output, in lines. A plain object."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from actors.runtime import reply
from actors.worker.trainer.output import OutputLines, Written
from messages import TrainerOutput

if TYPE_CHECKING:
    from messages import Mailbox, TrainerEvent

CHANGING_INTERVAL: Final = 0.2
"""Seconds between two states of a progress bar that are told; of several bars, for each of them."""


class OutputTeller:
    """Tells lines as they come, and a changing line now and then."""

    def __init__(self, reply_to: Mailbox[TrainerEvent], *, position: int) -> None:
        self._reply_to = reply_to
        self._lines = OutputLines()
        self._until = position
        self._changing: str | None = None
        self._told: str | None = None
        self._told_at = float("-inf")

    def take(self, data: bytes, until: int) -> None:
        """Tell what there is to be told of ``data``, which ends at the position ``until``."""
        end = data.rfind(b"\n")
        if end >= 0:
            self._until = until - len(data) + end + 1
        self._take(self._lines.feed(data))

    def miss(self, count: int, until: int) -> None:
        """Say that so many bytes before the position ``until`` are nowhere any more."""
        self._until = until
        self._tell((f"... {count} bytes of output are left out",), time.monotonic())

    def end(self) -> None:
        """Tell what is left of it."""
        self._take(self._lines.end())

    def pause(self) -> None:
        """Nothing more comes for the moment: tell the last state of a changing line."""
        now = time.monotonic()
        interval = CHANGING_INTERVAL * (1 + (self._changing or "").count("\n"))
        if self._changing != self._told and now - self._told_at >= interval:
            self._tell((), now)

    def _take(self, written: Written) -> None:
        self._changing = written.changing
        now = time.monotonic()
        if written.lines:
            self._tell(written.lines, now)
        else:
            self.pause()

    def _tell(self, lines: tuple[str, ...], now: float) -> None:
        self._told, self._told_at = self._changing, now
        reply(
            self._reply_to,
            TrainerOutput(lines=lines, changing=self._changing, until=self._until),
        )
