"""ProgressLog: the run's reports, in order, bounded. A plain data structure without a thread.

Positions count from 1 and never restart. When the log is full, the oldest batch report leaves it;
only when there is none do the others go, the oldest first. So reports are missing only before the
oldest batch report that is left.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right, insort
from collections import deque
from typing import Final

from messages import ProgressCounts, ProgressPage

PAGE_BYTES: Final = 4 * 1024
"""A page ends before it holds more, but has one report at least: small pages keep the turns of
the event loop short."""

_JOB_ENDS: Final = 1000
"""Ends of former jobs that are remembered."""


class ProgressLog:
    """Holds ``limit`` reports and ``max_bytes`` bytes at the most. Used by one actor at a time."""

    def __init__(self, *, limit: int, max_bytes: int) -> None:
        self._limit = limit
        self._max_bytes = max_bytes
        self._texts: dict[int, str] = {}
        self._batches: deque[int] = deque()
        self._others: list[int] = []
        self._bytes = 0
        self._job_ends: list[int] = []
        self.last = 0
        self.received = 0
        self.undecodable = 0

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def counts(self) -> ProgressCounts:
        """The job's counts."""
        return ProgressCounts(received=self.received, undecodable=self.undecodable, last=self.last)

    def append(self, text: str) -> None:
        """Add the job's next report."""
        self.received += 1
        self.last += 1
        self._texts[self.last] = text
        # A cheap look; it is decoded only when it is to leave.
        if '"batch_' in text:
            self._batches.append(self.last)
        else:
            self._others.append(self.last)
        self._bytes += text_bytes(text)
        while self._texts and (len(self._texts) > self._limit or self._bytes > self._max_bytes):
            self._thin()

    def count_undecodable(self) -> None:
        """Count a message of the job that is no report."""
        self.received += 1
        self.undecodable += 1

    def begin_job(self) -> None:
        """Set the job's counts to 0; the positions go on."""
        self.received = self.undecodable = 0

    def end_job(self) -> None:
        """The last report of the job has been added."""
        self._job_ends.append(self.last)
        del self._job_ends[:-_JOB_ENDS]

    def page(self, after: int, limit: int) -> ProgressPage | None:
        """The reports after the position ``after``, ``limit`` at the most; None if there are none.

        A page ends at the end of a job, so that its ``ended`` can say so.
        """
        if after >= self.last:
            return None
        first = self._first_from(after + 1)
        if first is None:
            return ProgressPage(
                messages=(), last=self.last, missed=self.last - after, ended=self._is_end(self.last)
            )
        at_job_end = bisect_right(self._job_ends, first - 1)
        final = self.last if at_job_end == len(self._job_ends) else self._job_ends[at_job_end]
        texts: list[str] = []
        size = 0
        for position in range(first, min(final, first + limit - 1) + 1):
            text = self._texts.get(position)
            if text is None:
                break
            size += text_bytes(text)
            if texts and size > PAGE_BYTES:
                break
            texts.append(text)
        last = first + len(texts) - 1
        return ProgressPage(
            messages=tuple(texts), last=last, missed=first - after - 1, ended=self._is_end(last)
        )

    def _is_end(self, position: int) -> bool:
        at = bisect_left(self._job_ends, position)
        return at < len(self._job_ends) and self._job_ends[at] == position

    def _first_from(self, position: int) -> int | None:
        """The first position from ``position`` on whose report is there."""
        if position in self._texts:
            return position
        at = bisect_left(self._others, position)
        found = self._others[at : at + 1]
        if self._batches and self._batches[0] >= position:
            found.append(self._batches[0])
        return min(found, default=None)

    def _thin(self) -> None:
        while self._batches:
            position = self._batches.popleft()
            if _is_batch(self._texts[position]):
                break
            insort(self._others, position)
        else:
            position = self._others.pop(0)
        self._bytes -= text_bytes(self._texts.pop(position))


def text_bytes(text: str) -> int:
    """The size of ``text`` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def _is_batch(text: str) -> bool:
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(report, dict) and report.get("event") in ("batch_start", "batch_end")
