"""EarlierRun: what the earlier part of a run says of it. A plain object."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from actors.worker.reading import read_object
from messages import AttemptBegan, EarlierPart, EpochRead, OutputWritten, decode_event, index_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from messages import LogEntry, WorkerEvent

LINES_KEPT: Final = 200
"""Last lines of the output, in which the cause of a failure is looked for."""


class EarlierRun:
    """Takes the entries of a journal, in order: see ``taken``."""

    def __init__(self) -> None:
        self._until = 0
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._last_epoch: int | None = None
        self._train_end = False
        self.attempts = 1
        """How often its training has been started."""
        self.has_reports = False
        """Whether there are reports of the trainer in it."""

    def taken(self, entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
        """Hand on ``entries``, each when it is taken."""
        for entry in entries:
            self._take(entry)
            yield entry

    def _take(self, entry: LogEntry) -> None:
        event = decode_event(entry.text) if entry.note else None
        self.has_reports = self.has_reports or event is None
        if event is not None:
            self._take_event(event)
        elif '"train_end"' in entry.text or '"epoch_end"' in entry.text:
            self._take_report(entry.text)

    def part(self, since: float, *, has_ended: bool = False) -> EarlierPart:
        """What is known of the last attempt; its run began at ``since`` (seconds)."""
        return EarlierPart(
            since=since,
            until=self._until,
            lines=tuple(self._lines),
            last_epoch=self._last_epoch,
            train_end=self._train_end,
            has_ended=has_ended,
        )

    def _take_event(self, event: WorkerEvent) -> None:
        match event:
            case AttemptBegan():
                self.attempts = max(self.attempts, event.number)
                self._last_epoch, self._train_end = None, False
                self._lines.clear()
            case EpochRead():
                self._last_epoch = max(event.epoch, self._last_epoch or 0)
            case OutputWritten():
                self._until = max(self._until, event.until)
                self._lines.extend(event.lines)
            case _:
                pass

    def _take_report(self, text: str) -> None:
        report = read_object(text)
        if report.get("event") == "train_end":
            self._train_end = True
        epoch = index_of(report.get("epoch"))
        if report.get("event") == "epoch_end" and epoch is not None:
            self._last_epoch = epoch
