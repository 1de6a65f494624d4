"""Account: what becomes known of a training, for the exit code and the report of its end.

A plain object on the worker's thread.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from actors.worker.earlier import LINES_KEPT
from actors.worker.outcome import exit_code_of, report_of, report_of_adopted
from messages import JobOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.worker.orders import Orders
    from messages import ReportingSummary, RunTraining, TrainerExited, TrainingReport


class Account:
    """Of the training of ``run``; ``orders`` knows what people have asked of it."""

    def __init__(self, run: RunTraining, orders: Orders) -> None:
        self._run = run
        self._orders = orders
        earlier = run.adopted
        self._lines = deque(() if earlier is None else earlier.lines, maxlen=LINES_KEPT)
        # Before this worker's reports, and beside them.
        self._last_epoch = None if earlier is None else earlier.last_epoch
        self._settled: tuple[int, TrainingReport] | None = None
        self.exited: TrainerExited | None = None
        """How its process has ended, once it has."""

    def take_lines(self, lines: Iterable[str]) -> None:
        """Take the trainer's output."""
        self._lines.extend(lines)

    def take_epoch(self, epoch: int) -> bool:
        """Take an epoch that nobody has reported; False where that one is known already."""
        is_new = self._last_epoch is None or epoch > self._last_epoch
        if is_new:
            self._last_epoch = epoch
        return is_new

    def settle(self, exit_code: int, report: TrainingReport) -> None:
        """Fix its end, whatever else becomes known."""
        self._settled = exit_code, report

    @property
    def outcome(self) -> JobOutcome:
        """How it has ended."""
        if self._is_cancelled:
            return JobOutcome.CANCELLED
        went_well = self.exited is not None and self.exited.returncode == 0
        return JobOutcome.COMPLETED if went_well else JobOutcome.FAILED

    @property
    def _is_cancelled(self) -> bool:
        by_another = self.exited is not None and self.exited.cancelled
        return by_another or self._orders.cancelled

    def end(self, summary: ReportingSummary | None) -> tuple[int, TrainingReport]:
        """The worker's exit code and the report; ``summary`` is of what was reported."""
        if self._settled is not None:
            return self._settled
        run, exited = self._run, self.exited
        told = None if summary is None else summary.last_epoch
        known = [epoch for epoch in (self._last_epoch, told) if epoch is not None]
        last_epoch = max(known, default=None)
        train_end = summary is not None and summary.train_end
        train_end = train_end or (run.adopted is not None and run.adopted.train_end)
        exit_code = exit_code_of(
            None if exited is None else exited.returncode,
            cancelled=self._is_cancelled,
            train_end=train_end,
        )
        if exited is None:
            return exit_code, report_of_adopted(
                train_end=train_end, stopped=self._orders.stopped, last_epoch=last_epoch
            )
        return exit_code, report_of(
            exited,
            cancelled=self._is_cancelled,
            stopped=self._orders.stopped,
            train_end=train_end,
            last_epoch=last_epoch,
            epochs=run.epochs,
            lines=tuple(self._lines),
            saves_to=run.checkpoint_folders if run.saves_model else (),
        )
