"""RunSummary: what a list of runs, or a message of one, says of a run. Plain objects."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from actors.worker.outputs.run_record import RunRecord
from actors.worker.reading import read_object
from messages import (
    AttemptBegan,
    EpochRead,
    RunState,
    StateChanged,
    TrainingReport,
    decode_event,
    index_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from actors.worker.outputs.run_record import Epoch

TAIL: Final = 16 * 1024
"""Bytes at the end of a journal that are read where a run has no summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run in short.

    ``outcome`` is empty as long as it is not known. ``epochs`` have ended, of ``total`` where that
    is known. ``best_loss`` is that of the epoch ``best_epoch``, the first being 1: the lowest one
    in validation, or in training where there is no other, as ``best_kind`` says.
    """

    outcome: str = ""
    text: str = ""
    cause: str = ""
    epochs: int = 0
    total: int | None = None
    best_loss: float | None = None
    best_epoch: int | None = None
    best_kind: str = ""

    def fields(self) -> dict[str, Any]:
        """It, as it stands in a file."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, fields: dict[str, Any]) -> RunSummary | None:
        """That in a file's ``fields``; None when they are none."""
        try:
            return cls(
                outcome=str(fields["outcome"]),
                text=str(fields["text"]),
                cause=str(fields["cause"]),
                epochs=int(fields["epochs"]),
                total=_whole(fields["total"]),
                best_loss=_finite(fields["best_loss"]),
                best_epoch=_whole(fields["best_epoch"]),
                best_kind=str(fields["best_kind"]),
            )
        except (KeyError, ValueError, TypeError, OverflowError):
            return None


class Follower:
    """Follows a run: takes its entries in order, and sums it up."""

    def __init__(self) -> None:
        self.record = RunRecord()
        self.report: TrainingReport | None = None
        self.state: RunState | None = None
        self.title = ""
        self._total: int | None = None

    def take(self, message: str, *, time: float) -> object:
        """Take the entry ``message`` of ``time`` (seconds); the event, or the report's name."""
        event = decode_event(message)
        if event is None:
            return self.record.add(message, now=time)
        self.record.note(event)
        match event:
            case StateChanged():
                self.state, self._total = event.state, event.epochs
                self.title = event.title or self.title
                if event.state is not RunState.ENDED:
                    self.report = None  # it was another attempt's
            case EpochRead():
                self.record.fill_in(event)
            case AttemptBegan():
                self.report = None
            case TrainingReport():
                self.report = event
            case _:
                pass
        return event

    def summary(self) -> RunSummary:
        """What is known by now."""
        ended = self.record.ended_rows
        best = best_of(ended)
        report = self.report
        return RunSummary(
            outcome=report.outcome if report else "",
            text=report.text if report else "",
            cause=(report.cause or "") if report else "",
            epochs=len(ended),
            total=self._total,
            best_loss=best[2] if best else None,
            best_epoch=best[0].number + 1 if best else None,
            best_kind=best[1] if best else "",
        )


def best_of(ended: list[Epoch]) -> tuple[Epoch, str, float] | None:
    """The epoch with the lowest loss, of which kind that is, and the loss."""
    for kind, losses in (
        ("validation", [(epoch.val_loss, epoch) for epoch in ended]),
        ("training", [(epoch.train_loss, epoch) for epoch in ended]),
    ):
        finite = [(loss, e) for loss, e in losses if loss is not None and math.isfinite(loss)]
        if finite:
            loss, epoch = min(finite, key=lambda item: item[0])
            return epoch, kind, loss
    return None


def summary_of_tail(journal: Path) -> RunSummary:
    """What the last entries of a journal say: not which epoch was the best of all.

    It costs the same whatever the journal's length. Blocks; an unreadable one says nothing.
    """
    try:
        with journal.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL))
            lines = file.read(TAIL).splitlines()
    except OSError:
        return RunSummary()
    follower, last = Follower(), None
    for line in lines:
        message = read_object(line).get("message")
        if isinstance(message, str) and follower.take(message, time=0.0) == "epoch_end":
            epoch = index_of(read_object(message).get("epoch"))
            last = last if epoch is None else epoch
    known = follower.summary()
    return dataclasses.replace(
        known,
        epochs=known.epochs if last is None else last + 1,
        best_loss=None,
        best_epoch=None,
        best_kind="",
    )


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _finite(value: Any) -> float | None:
    if value is not None and not math.isfinite(value):
        raise ValueError
    return None if value is None else float(value)
