"""Digest: a run of any length in a few hundred kilobytes. A plain object.

It is the run's log without what nobody can see at once: every report and event that a run cannot
be understood without, of the batches the losses that give the same curve, of the output its end.
"""

from __future__ import annotations

import gzip
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from actors.worker.digest.details import Details, Place
from actors.worker.digest.thinned import Point, Thinned
from actors.worker.reading import read_object
from messages import EVENT_MARK, RunState, index_of

ENTRIES_KEPT: Final = 100_000
BYTES_KEPT: Final = 32 * 1024 * 1024
"""Entries that are kept as they are, and their size: as many as the log keeps of the kind."""

LINES_KEPT: Final = 500
"""Lines of the output: a page shows a few thousand, and asks for what is written from then on."""

MODELS_KEPT: Final = 50
"""Models of a pipeline whose batches are kept."""

EPOCHS_KEPT: Final = 20_000
"""Epochs of a model whose batches are summed up."""


@dataclass(slots=True)
class _EpochOfBatches:
    seen: int = 0
    total: float = 0.0
    highest: int = -1


@dataclass(slots=True)
class _Model:
    """The batches of one model: what its train_begin, at ``position``, has begun.

    ``begin`` is where its first batch stands in the details.
    """

    position: int
    begin: int
    curve: Thinned = field(default_factory=Thinned)
    epochs: dict[int, _EpochOfBatches] = field(default_factory=dict)
    current: int = 0

    def add(self, epoch: int, batch: int, loss: float) -> None:
        if math.isfinite(loss):
            self.curve.add(Point(epoch, batch, loss))
        sums = self.epochs.get(epoch)
        if sums is None:
            if len(self.epochs) >= EPOCHS_KEPT:
                del self.epochs[next(iter(self.epochs))]
            sums = self.epochs[epoch] = _EpochOfBatches()
        sums.seen += 1
        sums.total += loss
        sums.highest = max(sums.highest, batch)

    def fields(self) -> dict[str, Any]:
        points, epochs = self.curve.points(), self.epochs
        return {
            "position": self.position,
            "batches": {
                "epochs": [point.epoch for point in points],
                "numbers": [point.batch for point in points],
                "losses": [_short(point.loss) for point in points],
            },
            "epochs": {
                "numbers": list(epochs),
                "seen": [epoch.seen for epoch in epochs.values()],
                "sums": [_short(epoch.total) for epoch in epochs.values()],
                "highest": [epoch.highest for epoch in epochs.values()],
            },
        }


class Digest:
    """Entries are added in the order of the log, once each."""

    def __init__(self) -> None:
        self.position = 0
        """That of the last entry."""
        self._time = self._heard = 0.0
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._left_out = 0
        self._lines: deque[tuple[float, str, int]] = deque()
        self._line_count = 0
        self._changing: tuple[float, str] | None = None
        self._resources: tuple[float, str] | None = None
        self._models: deque[_Model] = deque(maxlen=MODELS_KEPT)
        self._details = Details()
        self._reports = self._batches = 0
        self._is_first = False  # nothing has been reported since a worker began

    def add(self, position: int, time: float, message: str) -> None:
        """Take in the entry at ``position``, which came at ``time`` (seconds since 1970)."""
        if position <= self.position:
            return
        self._left_out += position - self.position - 1
        self.position, self._time = position, time
        report = read_object(message)
        if report.get("what") == EVENT_MARK:
            self._add_event(report, time, message)
        else:
            self._add_report(report, time, message)

    def _add_event(self, event: dict[str, Any], time: float, message: str) -> None:
        match event.get("event"):
            case "output":
                self._heard = time
                lines = event.get("lines")
                count = len(lines) if isinstance(lines, list) else 0
                self._changing = (time, message) if not count else None
                if count:
                    self._lines.append((time, message, count))
                    self._line_count += count
                    while self._line_count - self._lines[0][2] >= LINES_KEPT:
                        self._line_count -= self._lines.popleft()[2]
            case "resources":
                self._resources = (time, message)
            case name:
                if name == "state" and event.get("state") == RunState.STARTING:
                    self._is_first = True
                self._keep(time, message)

    def _add_report(self, report: dict[str, Any], time: float, message: str) -> None:
        self._reports += 1
        self._heard = time
        # When it came tells what has waited, whatever it is; a page takes a batch from elsewhere.
        is_first, self._is_first = self._is_first, False
        match report.get("event"):
            case "train_begin":
                self._begin_model(self.position)
                self._keep(time, message)
            case "batch_start":
                if is_first:
                    self._keep(time, message)
            case "batch_end":
                self._batches += 1
                is_loss = self._add_batch(report)
                if is_first or not is_loss:  # what is none is shown as a warning
                    self._keep(time, message)
            case "epoch_begin":
                epoch = index_of(report.get("epoch"))
                if epoch is not None and self._models:
                    self._models[-1].current = epoch
                self._keep(time, message)
            case "epoch_end":
                self._keep(time, _with_short_numbers(report, message))
            case _:
                self._keep(time, message)

    def _add_batch(self, report: dict[str, Any]) -> bool:
        """Whether its loss is one that can be shown, or none was told."""
        if not self._models:
            self._begin_model(0)
        model, logs = self._models[-1], report.get("logs")
        loss = logs.get("loss") if isinstance(logs, dict) else None
        epoch, batch = index_of(report.get("epoch")), index_of(report.get("batch")) or 0
        epoch, value = model.current if epoch is None else epoch, _number(loss)
        model.add(epoch, batch, value)
        if math.isfinite(value):
            self._details.add(epoch, batch, value)
        return not isinstance(loss, float) or math.isfinite(loss)

    def _begin_model(self, position: int) -> None:
        self._models.append(_Model(position, self._details.added))

    def _keep(self, time: float, message: str) -> None:
        entry = _entry(time, message)
        self._kept.append(entry)
        self._kept_bytes += len(entry)
        while len(self._kept) > ENTRIES_KEPT or self._kept_bytes > BYTES_KEPT:
            self._kept_bytes -= len(self._kept.popleft())
            self._left_out += 1

    def json(self) -> bytes:
        """The digest as JSON, in which no number is bare NaN.

        ``entries`` are pairs of a time and a message, in order. ``models`` are the batches of each
        ``train_begin``, the last ones if there are many, with its position; 0 for batches before
        any. A page that has taken this in goes on after ``position``.
        """
        last = (self._changing, self._resources)
        tail = [(time, message) for time, message, _ in self._lines]
        tail += [entry for entry in last if entry is not None]
        head = orjson.dumps(
            {
                "position": self.position,
                "time": round(self._time, 3),
                "heard": round(self._heard, 3),
                "left_out": self._left_out,
                "reports": self._reports,
                "batches": self._batches,
            }
        )
        # Piece by piece: nobody else runs while a piece is encoded.
        entries = b",".join([*self._kept, *(_entry(*entry) for entry in tail)])
        models = b",".join([orjson.dumps(model.fields()) for model in self._models])
        return b'%b,"entries":[%b],"models":[%b]}' % (head[:-1], entries, models)

    def batches(self, position: int, first: Place, last: Place) -> bytes | None:
        """JSON of the batches ``first`` to ``last`` of the model that begins at ``position``.

        It is a ``Part``. None when there is no such model.
        """
        end = self._details.added
        for model in reversed(self._models):
            if model.position == position:
                part = self._details.part(model.begin, end, first, last)
                losses = [_short(loss) for loss in part.losses]
                return orjson.dumps({**part._asdict(), "losses": losses})
            end = model.begin
        return None


def packed_json(json: bytes) -> bytes:
    """``json`` packed with gzip, as it is sent."""
    return gzip.compress(json, compresslevel=6, mtime=0)


def _entry(time: float, message: str) -> bytes:
    # A copy: what orjson returns keeps the 4 kB that it was written into.
    return bytes(memoryview(orjson.dumps((round(time, 3), message))))


def _with_short_numbers(report: dict[str, Any], message: str) -> str:
    """``message`` with its values to seven digits: a curve shows four, and the rest is noise."""
    logs = report.get("logs")
    if not isinstance(logs, dict):
        return message
    values = logs.values()
    if not all(isinstance(v, int) or (isinstance(v, float) and math.isfinite(v)) for v in values):
        return message
    short = {name: float(f"{v:.7g}") if isinstance(v, float) else v for name, v in logs.items()}
    try:
        return orjson.dumps({**report, "logs": short}).decode()
    except orjson.JSONEncodeError:  # of an integer of more than 64 bits
        return message


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return math.nan


def _short(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
