"""RunRecord: a run as its messages tell it. A plain object."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from actors.worker.reading import read_object
from messages import AttemptBegan, RunState, StateChanged, TrainingReport, index_of

if TYPE_CHECKING:
    from messages import EpochRead, WorkerEvent

EVENT_NAMES: Final = 50
"""Names of events that are counted apart; a trainer has half a dozen."""

KNOWN_EVENTS: Final = frozenset(
    {"train_begin", "epoch_begin", "batch_begin", "batch_start", "batch_end", "epoch_end"}
    | {"train_end"}
)
"""Names of events that a SLEAP trainer sends; docs/reference.md says what is read of them."""

WAITED: Final = 1.0
"""Seconds from the first report after a pause in which others come that have waited, too."""


@dataclass(slots=True)
class Epoch:
    """One epoch; a loss is None as long as it is not known.

    ``began`` is None where nobody knows when: its report has waited for a worker.
    """

    number: int
    began: float | None
    batches: int = 0
    batch_loss: float | None = None
    batch_sum: float = 0.0
    train_loss: float | None = None
    val_loss: float | None = None
    seconds: float | None = None
    has_ended: bool = False
    is_read: bool = False
    """Whether the trainer's own log alone tells of it."""


@dataclass(slots=True)
class RunRecord:
    """What a client has learnt of a run. Messages that it does not know are counted alone."""

    received: int = 0
    events: Counter[str] = field(default_factory=Counter)
    epochs: list[Epoch] = field(default_factory=list)
    ended: bool = False
    _read: dict[int, EpochRead] = field(default_factory=dict)
    _is_new: bool = True  # nothing has been reported of this attempt
    _paused: bool = False
    _resumed: float | None = None
    _heard: int = 0  # batches of the last epoch before the last pause
    batches_per_epoch: int | None = None
    """Known when the first epoch has ended."""
    models: int = 0
    """One, or several of a pipeline; of this attempt."""
    _first: int = 0  # epoch of the last model, in all epochs
    _is_late: bool | None = None
    """Whether the trainer tells an epoch's training loss with the next epoch, as sleap-nn does: the
    model's first epoch ends without one then. Where nobody heard that, it is taken for sleap-nn."""

    def add(self, message: str, *, now: float) -> str:
        """Take the trainer's ``message``, which came at ``now`` (seconds); its event's name."""
        self.received += 1
        self._is_new = False
        report = read_object(message)
        event = report.get("event")
        if not isinstance(event, str) or (
            event not in self.events and len(self.events) >= EVENT_NAMES
        ):
            event = "other"
        self.events[event] += 1
        self._has_waited(now)
        self._learn(event, report, now)
        return event

    def note(self, event: WorkerEvent) -> None:
        """Take what a worker says of the training's beginning and end."""
        match event:
            case StateChanged(state=RunState.STARTING) if not self._is_new:
                self.pause()
            case StateChanged(runs_already=True):
                self.pause()
            case AttemptBegan():
                self._is_new, self.models = True, 0
            case TrainingReport():
                self._is_new = False
            case _:
                pass

    @property
    def is_known(self) -> bool:
        """Whether a report has come of which something is known."""
        return not KNOWN_EVENTS.isdisjoint(self.events)

    def pause(self) -> None:
        """Nobody listens for a while: what comes first after it has waited."""
        self._paused, self._resumed = True, None
        self._heard = self.epochs[-1].batches if self.epochs else 0
        for epoch in self.epochs:
            if not epoch.has_ended:
                epoch.began = None

    def _has_waited(self, now: float) -> bool:
        if self._paused and self._resumed is None:
            self._resumed = now
        return self._resumed is not None and now < self._resumed + WAITED

    def fill_in(self, read: EpochRead) -> bool:
        """Take an epoch of the trainer's own log, unless its end is known; whether it was taken."""
        if any(one.number == read.epoch and one.has_ended for one in self.epochs_of_model):
            return False
        self._read[read.epoch] = read
        return True

    @property
    def rows(self) -> list[Epoch]:
        """All epochs; what is known of one from the trainer's own log alone is among them."""
        return self.epochs[: self._first] + self.rows_of_model

    @property
    def rows_of_model(self) -> list[Epoch]:
        """Those of the last model."""
        rows = {epoch.number: epoch for epoch in self.epochs_of_model}
        if not self._read:
            return self.epochs_of_model
        for number, read in self._read.items():
            row = rows.get(number) or Epoch(number, began=None)
            rows[number] = replace(
                row, train_loss=read.train_loss, val_loss=read.val_loss, is_read=True
            )
        return [rows[number] for number in sorted(rows)]

    @property
    def ended_rows(self) -> list[Epoch]:
        """Those of them that have ended."""
        return [row for row in self.rows_of_model if row.has_ended or row.is_read]

    @property
    def epoch(self) -> Epoch | None:
        """The epoch that runs, or the last one."""
        return self.epochs[-1] if self.epochs else None

    @property
    def epochs_of_model(self) -> list[Epoch]:
        """The epochs of the last model."""
        return self.epochs[self._first :]

    def _learn(self, event: str, report: dict[str, Any], now: float) -> None:
        logs = report.get("logs")
        logs = logs if isinstance(logs, dict) else {}
        match event:
            case "train_begin":
                self.ended = False
                self.models += 1
                self._first, self._is_late = len(self.epochs), None
                self._read.clear()
            case "epoch_begin":
                number = index_of(report.get("epoch"))
                if number is None:
                    number = len(self.epochs)
                self.epochs.append(Epoch(number, began=None if self._has_waited(now) else now))
            case "batch_end" if self.epochs:
                self.epochs[-1].batches += 1
                loss = self.epochs[-1].batch_loss = _number(logs.get("loss"))
                self.epochs[-1].batch_sum += math.nan if loss is None else loss
            case "epoch_end" if self.epochs:
                epoch = self._ending(index_of(report.get("epoch")))
                self._learn_train_loss(epoch, logs)
                epoch.val_loss = _number(logs.get("val/loss"))
                epoch.has_ended = True
                self._read.pop(epoch.number, None)
                epoch.seconds = None if epoch.began is None else now - epoch.began
                self.batches_per_epoch = max(self.batches_per_epoch or 0, epoch.batches)
            case "train_end":
                self.ended = True
            case _:
                pass

    def _ending(self, number: int | None) -> Epoch:
        """The epoch that ends; one that began while nobody listened is another than the last."""
        last = self.epochs[-1]
        if number is not None and number != last.number:
            late = Epoch(number, began=None, batch_sum=math.nan)  # some of its batches are missing
            if not last.has_ended:
                late.batches, last.batches = last.batches - self._heard, self._heard
            self.epochs.append(late)
        return self.epochs[-1]

    def _learn_train_loss(self, epoch: Epoch, logs: dict[str, Any]) -> None:
        told = _number(logs.get("train/loss"))
        if self._is_late is None:
            self._is_late = told is None or not self._is_first(epoch)
        if self._is_late and told is not None:
            self._learn_former_train_loss(epoch.number - 1, told)
            told = None
        if told is None:  # it is the mean of the batches' in sleap-nn too
            mean = epoch.batch_sum / epoch.batches if epoch.batches else math.nan
            told = _number(logs.get("loss")) if math.isnan(mean) else mean
        epoch.train_loss = told

    def _is_first(self, epoch: Epoch) -> bool:
        """Whether the model began with it, of the epochs that are known."""
        return len(self.epochs_of_model) == 1 and (self.models > 0 or epoch.number == 0)

    def _learn_former_train_loss(self, number: int, told: float) -> None:
        former = self.epochs_of_model[-2:-1]
        if former and former[0].number == number:
            former[0].train_loss = told
        elif number in self._read:
            self._read[number] = replace(self._read[number], train_loss=told)


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, (int, float)) else None
    except OverflowError:
        return None
