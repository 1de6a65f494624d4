"""How a training ended, in numbers and in words. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.worker.causes import own_lines
from actors.worker.failure import explain, explain_no_start, signal_name
from messages import JobOutcome, TrainingReport

if TYPE_CHECKING:
    from messages import TrainerExited

TAIL: Final = 40
"""Lines of the trainer's output that a report of a failure shows."""


def exit_code_of(returncode: int) -> int:
    """The exit code that stands for ``returncode``, as a shell gives it."""
    return returncode if returncode >= 0 else 128 - returncode


def report_of(
    exited: TrainerExited, *, cancelled: bool, train_end: bool, lines: tuple[str, ...]
) -> TrainingReport:
    """The report of a trainer's process; ``lines`` are the last ones of its output."""
    code = exited.returncode
    outcome = JobOutcome.COMPLETED if code == 0 else JobOutcome.FAILED
    if cancelled:
        outcome = JobOutcome.CANCELLED
    text = (
        f"the trainer has ended with exit code {code}"
        if code >= 0
        else f"the trainer was ended by {signal_name(-code)}"
    )
    failure = None
    if outcome is JobOutcome.FAILED:
        failure = explain(code, lines, out_of_memory=exited.out_of_memory)
        text += f": {failure.cause}" if failure.cause else ""
    return TrainingReport(
        outcome=outcome.value,
        text=text + _saved(exited.checkpoints),
        exit_code=code if code >= 0 else None,
        signal=signal_name(-code) if code < 0 else None,
        train_end=train_end,
        checkpoints=exited.checkpoints or (),
        cause=failure.cause if failure else None,
        advice=failure.advice if failure else None,
        last_lines=own_lines(lines)[-TAIL:] if failure else (),
    )


def report_of_adopted(*, train_end: bool) -> TrainingReport:
    """The report of a trainer that the worker has not started: nobody knows its exit code."""
    if train_end:
        return TrainingReport(
            outcome=JobOutcome.COMPLETED.value,
            text="the trainer has left after the end of its training",
            train_end=True,
        )
    return TrainingReport(
        outcome=JobOutcome.FAILED.value,
        text="the trainer has left before the end of its training",
        advice="look into its own log: this worker has not started it and saw no output",
    )


def report_of_interrupted() -> TrainingReport:
    """The report when the worker leaves a trainer that it has not started."""
    return TrainingReport(
        outcome=JobOutcome.CANCELLED.value,
        text="the worker has been interrupted: the training goes on without reports",
    )


def report_of_no_training(
    reason: str, *, cancelled: bool = False, advice: str | None = None
) -> TrainingReport:
    """The report when no trainer was started."""
    outcome = JobOutcome.CANCELLED if cancelled else JobOutcome.FAILED
    failure = explain_no_start(reason)
    return TrainingReport(
        outcome=outcome.value,
        text=f"the training was not started: {reason}",
        cause=failure.cause,
        advice=advice or failure.advice,
    )


def _saved(checkpoints: tuple[str, ...] | None) -> str:
    if checkpoints is None:
        return ""
    if not checkpoints:
        return "; no checkpoint was written"
    return f"; the newest checkpoint is {checkpoints[0]}"
