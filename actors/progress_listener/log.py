"""ProgressLog: the run's reports and the worker's events, in order, bounded. A plain object.

Its owner is the progress listener. Positions count from 1 and never restart. Two stores hold the
entries, merged by position on reading: *passing* are those that a reader can do without, the
reports of a batch and ``PASSING_EVENTS``, *kept* are all others. Each store has a budget of its own
and drops its oldest entry when that is used up, so no amount of the one pushes out the other.
"""

from __future__ import annotations

import heapq
import json
import re
from bisect import bisect_left
from dataclasses import replace
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from actors.progress_listener.block import ADDED, NOTE, REPORT, Block, Entry
from messages import ProgressCounts, ProgressPage
from messages.event_codec import PASSING_EVENTS
from messages.reports import index_of
from messages.wire import text_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_BYTES: Final = 8 * 1024
"""A page ends before it holds more, but has one report at least: small pages keep the turns of
the event loop short."""

LIVE_BLOCKS: Final = 16
"""Newest blocks of a store that are left as they are: live clients read there, a thousand reports
back."""

DECODE_LIMIT: Final = 64 * 1024
"""Characters of the longest text that is decoded to learn its event: that takes a millisecond."""

_NAMED: Final = re.compile(r'\{"what": "[^"\\]*", "event": "([^"\\]*)"')
"""How sleap-nn's reports begin, and worker events."""

_BATCH_EVENTS: Final = ("batch_start", "batch_end")
"""Reports of these events need not be decoded."""

_LAST: Final = attrgetter("last")

_JOBS: Final = 1000
"""Jobs whose begin and end are remembered."""


class _Store:
    """Entries by position, ``limit`` and ``max_bytes`` of them at most, but always the newest."""

    def __init__(self, limit: int, max_bytes: int) -> None:
        self._limit = limit
        self._max_bytes = max_bytes
        self._blocks: list[Block] = []
        self._bytes = 0
        self.count = 0

    @property
    def last(self) -> int:
        """The newest entry's position; 0 when there was none."""
        return self._blocks[-1].last if self._blocks else 0

    def append(self, entry: Entry) -> None:
        """Add an entry, which comes after all others."""
        if not self._blocks or self._blocks[-1].is_full:
            self._begin_block()
        self._blocks[-1].append(entry)
        self._bytes += entry.size
        self.count += 1
        while self.count > 1 and (self.count > self._limit or self._bytes > self._max_bytes):
            self._drop_oldest()

    def _begin_block(self) -> None:
        if self._blocks and self._blocks[-1].is_large:
            self._blocks[-1].pack()
        if len(self._blocks) >= LIVE_BLOCKS:
            self._blocks[-LIVE_BLOCKS].pack()
        self._blocks.append(Block())

    def _drop_oldest(self) -> None:
        block = self._blocks[0]
        oldest = block.drop_oldest()
        self._bytes -= oldest.size
        self.count -= 1
        if oldest.position == block.last:
            del self._blocks[0]

    def entries(self, position: int) -> Iterator[Entry]:
        """What is there from ``position`` on."""
        begin = bisect_left(self._blocks, position, key=_LAST)
        for at in range(begin, len(self._blocks)):
            yield from self._blocks[at].entries(position)


class ProgressLog:
    """Holds ``limit`` entries in each of two stores, and ``max_bytes`` bytes in both together."""

    def __init__(self, *, limit: int, max_bytes: int) -> None:
        self._kept = _Store(limit, max_bytes // 2)
        self._passing = _Store(limit, max_bytes // 2)
        self._job_begins = [0]
        self._job_ends: list[int] = []
        self._in_job = False
        self._reports = self._undecodable = 0
        self._train_end = False
        self._last_epoch: int | None = None
        self.last = 0

    def __len__(self) -> int:
        return self._kept.count + self._passing.count

    # The job

    @property
    def counts(self) -> ProgressCounts:
        """The job's counts: what the trainer sent."""
        return ProgressCounts(
            received=self._reports + self._undecodable,
            undecodable=self._undecodable,
            last=self.last,
            job=self._job_begins[-1],
            train_end=self._train_end,
            last_epoch=self._last_epoch,
        )

    def begin_job(self) -> None:
        """Count from 0, unless a job has begun and not ended; the positions go on."""
        if not self._in_job:
            self._in_job = True
            self._job_begins.append(self.last)
            del self._job_begins[:-_JOBS]
            self._reports = self._undecodable = 0
            self._train_end = False
            self._last_epoch = None

    def end_job(self) -> None:
        """The last report of the job has been added; its counts stay until the next begins."""
        if self._in_job:
            self._in_job = False
            self._job_ends.append(self.last)
            del self._job_ends[:-_JOBS]

    # Adding

    def receive(self, text: str, *, time: float = 0.0) -> bool:
        """Add the job's next report, which came at ``time`` (seconds); whether it is the last."""
        self._reports += 1
        report = _report_of(text)
        event = report.get("event")
        self._append(text, time, REPORT, passes=event in _BATCH_EVENTS)
        if event == "epoch_end" and (epoch := index_of(report.get("epoch"))) is not None:
            self._last_epoch = epoch
        self._train_end = self._train_end or event == "train_end"
        return event == "train_end"

    def count_undecodable(self) -> None:
        """Count a message of the job that is not a report."""
        self._undecodable += 1

    def append(self, text: str, *, time: float = 0.0, note: bool = False) -> None:
        """Add a report, or with ``note`` a worker event, that counts in no job."""
        passing = PASSING_EVENTS if note else _BATCH_EVENTS
        passes = _report_of(text).get("event") in passing
        self._append(text, time, NOTE if note else ADDED, passes=passes)

    def _append(self, text: str, time: float, kind: int, *, passes: bool) -> None:
        self.last += 1
        store = self._passing if passes else self._kept
        store.append(Entry(self.last, time, kind, self._reports, text_bytes(text), text))

    # Reading

    def begin(self) -> ProgressPage:
        """An empty page before the first report of the job; without a job, after the last."""
        end = self.end()
        return replace(end, last=end.job, reports=0) if self._in_job else end

    def end(self) -> ProgressPage:
        """An empty page after the last report."""
        return ProgressPage(
            messages=(),
            last=self.last,
            missed=0,
            ended=self._end_of_job(self.last) == self.last,
            job=self._job_begins[-1],
            reports=self._reports,
        )

    def page(self, after: int, limit: int) -> ProgressPage | None:
        """The reports after the position ``after``, ``limit`` at most; None if there are none.

        A page does not go beyond the end of a job.
        """
        if after >= self.last:
            return None
        stores = [store for store in (self._kept, self._passing) if store.last > after]
        entries = heapq.merge(*(store.entries(after + 1) for store in stores))
        found = [next(entries)]  # a store never drops its newest entry
        final = self._end_of_job(found[0].position)
        size = found[0].size
        for entry in entries:
            size += entry.size
            is_next = entry.position == found[-1].position + 1 <= final
            if not is_next or size > PAGE_BYTES or len(found) == limit:
                break
            found.append(entry)
        positions, times, kinds, reports, _, texts = zip(*found, strict=True)
        last = positions[-1]
        return ProgressPage(
            messages=texts,
            last=last,
            missed=last - len(found) - after,
            ended=last == final,
            notes=_indices(kinds, NOTE),
            added=_indices(kinds, ADDED),
            job=self._job_of(last),
            reports=reports[-1],
            times=times,
            behind=self.last - last,
        )

    def _job_of(self, position: int) -> int:
        at = bisect_left(self._job_begins, position)
        return self._job_begins[at - 1] if at else 0

    def _end_of_job(self, position: int) -> float:
        """The first end of a job from ``position`` on; infinity if there is none yet."""
        at = bisect_left(self._job_ends, position)
        return inf if at == len(self._job_ends) else self._job_ends[at]


def _indices(kinds: tuple[int, ...], kind: int) -> tuple[int, ...]:
    if kind not in kinds:  # as of most pages: it costs a tenth of looking at each
        return ()
    return tuple(index for index, each in enumerate(kinds) if each == kind)


def _report_of(text: str) -> dict[str, Any]:
    """The fields of a report, of a batch's or a large one its event alone; none of what is none."""
    named = _NAMED.match(text)
    if named is not None and (named[1] in _BATCH_EVENTS or len(text) > DECODE_LIMIT):
        return {"event": named[1]}
    if len(text) > DECODE_LIMIT:
        return {}
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}
