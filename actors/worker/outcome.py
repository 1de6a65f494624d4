"""How a training ended, in numbers and in words. Pure functions."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actors.worker.causes import Failure, own_lines
from actors.worker.failure import explain, explain_no_start
from actors.worker.keeper import name_of
from messages import STOPPED, JobOutcome, TrainingReport

if TYPE_CHECKING:
    from messages import TrainerExited

TAIL: Final = 40
"""Lines of the trainer's output that a report of a failure shows."""

LEFT: Final = 5
"""Processes that the training has left behind which are named."""

EXIT_CANCELLED: Final = 128 + signal.SIGTERM
"""The worker's exit code when the training was cancelled, however the trainer took it: what waits
for a run that went well must not begin."""

EXIT_UNKNOWN: Final = 1
"""The worker's exit code when a trainer has left before its end, and nobody knows how."""


def exit_code_of(returncode: int | None, *, cancelled: bool, train_end: bool) -> int:
    """The worker's exit code for a trainer that ended with ``returncode``."""
    if cancelled:
        return EXIT_CANCELLED
    if returncode is None:
        return 0 if train_end else EXIT_UNKNOWN
    return returncode if returncode >= 0 else 128 - returncode


def report_of(
    exited: TrainerExited,
    *,
    cancelled: bool,
    stopped: bool = False,
    train_end: bool,
    last_epoch: int | None = None,
    epochs: int | None = None,
    lines: tuple[str, ...],
    saves_to: tuple[Path, ...] = (),
) -> TrainingReport:
    """The report of a trainer's process.

    It was ``stopped`` if it was asked to end early. ``last_epoch`` is the one that ended last (the
    first is 0), ``epochs`` how many there were to be, ``lines`` are the last ones of its output.
    ``saves_to`` are the folders in which a checkpoint is to be; empty where that is not known.
    """
    code = exited.returncode
    outcome = _outcome(code, cancelled=cancelled, train_end=train_end)
    text = end_in_words(code)
    failure = None
    if outcome == JobOutcome.CANCELLED.value:
        text = f"cancelled: {text}; this worker's exit code is {int(EXIT_CANCELLED)}"
    elif outcome == JobOutcome.FAILED.value:
        failure = explain(code, lines, out_of_memory=exited.out_of_memory)
        text += f": {failure.cause}" if failure.cause else ""
    elif stopped and _is_early(last_epoch, epochs):
        outcome = STOPPED
        text = f"stopped early {_after(last_epoch, epochs)}: {text}"
    return TrainingReport(
        outcome=outcome,
        text=text + _left(exited.left) + _saved(exited.checkpoints, saves_to),
        exit_code=None if code is None or code < 0 else code,
        signal=None if code is None or code >= 0 else name_of(-code),
        train_end=train_end,
        last_epoch=last_epoch,
        checkpoints=exited.checkpoints or (),
        left=exited.left,
        cause=failure.cause if failure else None,
        advice=failure.advice if failure else None,
        last_lines=own_lines(lines)[-TAIL:] if failure else (),
    )


def _outcome(code: int | None, *, cancelled: bool, train_end: bool) -> str:
    if cancelled:
        return JobOutcome.CANCELLED.value
    went_well = train_end if code is None else code == 0
    return JobOutcome.COMPLETED.value if went_well else JobOutcome.FAILED.value


def end_in_words(code: int | None) -> str:
    """How the trainer's process ended."""
    if code is None:
        return "the trainer has ended, and nobody knows with which exit code"
    if code < 0:
        return f"the trainer was ended by {name_of(-code)}"
    return f"the trainer has ended with exit code {code}"


def _is_early(last_epoch: int | None, epochs: int | None) -> bool:
    return last_epoch is None or epochs is None or last_epoch + 1 < epochs


def _after(last_epoch: int | None, epochs: int | None) -> str:
    if last_epoch is None:
        return "before the end of the first epoch"
    return f"after epoch {last_epoch + 1}" + ("" if epochs is None else f" of {epochs}")


def report_of_adopted(
    *, train_end: bool, stopped: bool = False, last_epoch: int | None = None
) -> TrainingReport:
    """The report of a trainer that the worker has not started: nobody knows its exit code.

    For ``stopped`` and ``last_epoch`` see ``report_of``.
    """
    if train_end and stopped:
        return TrainingReport(
            outcome=STOPPED,
            text=f"stopped early {_after(last_epoch, None)}: the trainer has left",
            train_end=True,
            last_epoch=last_epoch,
        )
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
    reason: str, *, cancelled: bool = False, failure: Failure | None = None
) -> TrainingReport:
    """The report when no trainer was started; ``failure`` is why, where the reason does not say."""
    outcome = JobOutcome.CANCELLED if cancelled else JobOutcome.FAILED
    failure = failure or explain_no_start(reason)
    return TrainingReport(
        outcome=outcome.value,
        text=f"the training was not started: {reason}",
        cause=failure.cause,
        advice=failure.advice,
    )


def _left(processes: tuple[str, ...]) -> str:
    if not processes:
        return ""
    more = len(processes) - LEFT
    return f"; still running: {', '.join(processes[:LEFT])}" + (
        f" and {more} more" if more > 0 else ""
    )


def _saved(checkpoints: tuple[str, ...] | None, saves_to: tuple[Path, ...]) -> str:
    if checkpoints:
        return f"; the newest checkpoint is {checkpoints[0]}"
    if checkpoints is None or not saves_to:
        return ""
    # Whoever reads it in the page is not in that folder.
    here = "the folder in which it was started"
    where = " or ".join(here if p == Path() else str(p) for p in saves_to)
    return f"; no checkpoint was seen in {where} (--checkpoints names another folder)"
