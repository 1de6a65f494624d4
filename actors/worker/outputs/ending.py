"""The end of a run, for whoever has waited for it. Pure functions."""

from __future__ import annotations

from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from actors.worker.outputs.summary import best_of
from actors.worker.outputs.words import duration, loss_words
from messages import STOPPED, JobOutcome

if TYPE_CHECKING:
    from actors.worker.outputs.run_record import Epoch, RunRecord
    from messages import TrainingReport

GAPS: Final = 5
"""Gaps between epochs that are named."""

OUTCOMES: Final = {
    JobOutcome.COMPLETED.value: "finished",
    JobOutcome.FAILED.value: "failed",
    JobOutcome.CANCELLED.value: "cancelled",
    STOPPED: "stopped early",
}
"""The outcomes in words."""


def ending(
    record: RunRecord,
    report: TrainingReport | None,
    *,
    total: int | None,
    again: str | None,
    listened: bool = True,
) -> list[tuple[str, str]]:
    """What there is to know of a run that is over, each with its name.

    ``total`` is the number of epochs that were to be, ``again`` how the run is seen again, and
    ``listened`` whether somebody listened to the trainer.
    """
    facts = []
    if report is not None:
        facts.append(("outcome", OUTCOMES.get(report.outcome, report.outcome)))
        facts += [("cause", report.cause)] if report.cause else []
    if record.models > 1:
        facts.append(("models", f"{record.models}; this is the last one:"))
    ended = record.ended_rows
    if ended:
        facts.append(("epochs", _epochs(ended, total)))
    elif listened and report is not None and report.outcome == JobOutcome.COMPLETED.value:
        facts.append(("epochs", "none was reported"))
    best = _best(ended)
    if best is not None:
        facts.append(("best epoch", best))
    if report is not None and report.checkpoints:
        last = _model(report.checkpoints)
        facts.append(("model", last))
        if record.models > 1:
            facts += [("before it", path) for path in _models_before(last, report.checkpoints)]
    if again is not None and record.received:
        facts.append(("see it again", again))
    return facts


def _epochs(ended: list[Epoch], total: int | None) -> str:
    first, last = ended[0], ended[-1]
    count = f"{len(ended)}" if total is None else f"{len(ended)} of {total}"
    missing = _missing([epoch.number + 1 for epoch in ended])
    if missing:
        return f"{count} reported, the last is {last.number + 1}; nothing came of {missing}"
    # None where nobody knows when: it has waited for a worker.
    if first.began is not None and last.began is not None and last.seconds is not None:
        count += f" in {duration(last.began + last.seconds - first.began)}"
    return count + (f", from epoch {first.number + 1} on" if first.number > 0 else "")


def _missing(numbers: list[int]) -> str:
    """Those between ``numbers``, in words: ``4, 7 to 11``."""
    gaps = [(a + 1, b - 1) for a, b in pairwise(sorted(numbers)) if b > a + 1]
    words = [f"{a}" if a == b else f"{a} to {b}" for a, b in gaps[:GAPS]]
    return ", ".join(words) + (" and others" if len(gaps) > GAPS else "")


def _best(ended: list[Epoch]) -> str | None:
    """The epoch with the lowest validation loss, or training loss where there is no other."""
    best = best_of(ended)
    if best is None:
        return None
    epoch, kind, loss = best
    return f"{epoch.number + 1}, {kind} loss {loss_words(loss)}"


def _model(checkpoints: tuple[str, ...]) -> str:
    """The best one by its name, or the newest."""
    return next((path for path in checkpoints if "best" in PurePath(path).name), checkpoints[0])


def _models_before(last: str, checkpoints: tuple[str, ...]) -> list[str]:
    """Those of the models before it, each the best one by its name; the newest is the first."""
    folder = PurePath(last).parent
    return [
        path
        for path in checkpoints
        if "best" in PurePath(path).name and PurePath(path).parent != folder
    ]
