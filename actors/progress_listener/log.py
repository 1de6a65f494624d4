"""ProgressLog: the run's reports, in order, bounded. A plain data structure without a thread.

Between the trainer's reports stand the worker's notes. Positions count from 1 and never restart.
When the log is full, the oldest batch report, or passing note, leaves it; only when there is none
do the others go, the oldest first. So reports are missing only before the oldest batch report that
is left.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from actors.progress_listener.block import SIZE, ReportBlock
from messages import ProgressCounts, ProgressPage
from messages.event_codec import PASSING_EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_BYTES: Final = 8 * 1024
"""A page ends before it holds more, but has one report at least: small pages keep the turns of
the event loop short."""

LIVE_BLOCKS: Final = 16
"""Newest blocks that are left as they are: live clients read there, a thousand reports back."""

LIVE_CHARACTERS: Final = 128 * 1024
"""Characters of a block beyond which it is packed at once; real reports come to half of that."""

_TRAIN_END: Final = '"train_end"'
"""What the text of a trainer's last message holds."""

_BATCH: Final = re.compile(r'\{"what": "[^"\\]*", "event": "batch_(?:start|end)"')
"""How sleap-nn's batch reports begin: these need not be decoded."""

_JOB_ENDS: Final = 1000
"""Ends of former jobs that are remembered."""


class ProgressLog:
    """Holds ``limit`` reports and ``max_bytes`` bytes at the most. Used by one actor at a time."""

    def __init__(self, *, limit: int, max_bytes: int) -> None:
        self._limit = limit
        self._max_bytes = max_bytes
        self._blocks: list[ReportBlock] = []
        self._count = 0
        self._bytes = 0
        # No batch report is in the blocks before this one, nor before this place in it.
        self._thinned = self._thinned_to = 0
        self._job_ends: list[int] = []
        self.last = 0
        self.received = 0
        self.undecodable = 0
        self._train_end = False

    def __len__(self) -> int:
        return self._count

    @property
    def counts(self) -> ProgressCounts:
        """The job's counts."""
        return ProgressCounts(
            received=self.received,
            undecodable=self.undecodable,
            last=self.last,
            train_end=self._train_end,
        )

    def append(self, text: str, *, time: float = 0.0, note: bool = False) -> None:
        """Add the job's next report, or a note, which came at ``time`` (seconds)."""
        self.received += not note
        if _TRAIN_END in text and not note:
            self._train_end = True
        self.last += 1
        if not self._blocks or len(self._blocks[-1]) >= SIZE:
            self._pack_former()
            self._blocks.append(ReportBlock())
        self._blocks[-1].append(text, position=self.last, time=time, note=note)
        self._count += 1
        self._bytes += text_bytes(text)
        while self._blocks and (self._count > self._limit or self._bytes > self._max_bytes):
            self._thin()

    def _pack_former(self) -> None:
        if self._blocks and self._blocks[-1].characters > LIVE_CHARACTERS:
            self._blocks[-1].pack()
        if len(self._blocks) >= LIVE_BLOCKS:
            self._blocks[-LIVE_BLOCKS].pack()

    def count_undecodable(self) -> None:
        """Count a message of the job that is no report."""
        self.received += 1
        self.undecodable += 1

    def begin_job(self) -> None:
        """Set the job's counts to 0; the positions go on."""
        self.received = self.undecodable = 0
        self._train_end = False

    def end_job(self) -> None:
        """The last report of the job has been added."""
        self._job_ends.append(self.last)
        del self._job_ends[:-_JOB_ENDS]

    # Reading

    def page(self, after: int, limit: int) -> ProgressPage | None:
        """The reports after the position ``after``, ``limit`` at the most; None if there are none.

        A page does not go beyond the end of a job.
        """
        if after >= self.last:
            return None
        texts: list[str] = []
        times: list[float] = []
        notes: list[int] = []
        size = 0
        last = final = self.last
        for position, time, note, text in self._from(after + 1):
            if not texts:
                at = bisect_right(self._job_ends, position - 1)
                final = self.last if at == len(self._job_ends) else self._job_ends[at]
            elif position != last + 1:
                break
            size += text_bytes(text)
            if texts and (size > PAGE_BYTES or len(texts) == limit or position > final):
                break
            if note:
                notes.append(len(texts))
            texts.append(text)
            times.append(time)
            last = position
        return ProgressPage(
            messages=tuple(texts),
            last=last,
            missed=last - len(texts) - after,
            ended=self._is_end(last),
            notes=tuple(notes),
            times=tuple(times),
            behind=self.last - last,
        )

    def _from(self, position: int) -> Iterator[tuple[int, float, int, str]]:
        """What is there from ``position`` on: position, time, whether it is a note, text."""
        begin = bisect_left(self._blocks, position, key=lambda block: block.last)
        for at in range(begin, len(self._blocks)):
            block = self._blocks[at]
            index = bisect_left(block.positions, position)
            columns = block.positions, block.times, block.notes, block.texts()
            yield from zip(*(column[index:] for column in columns), strict=True)

    def _is_end(self, position: int) -> bool:
        at = bisect_left(self._job_ends, position)
        return at < len(self._job_ends) and self._job_ends[at] == position

    # Thinning

    def _thin(self) -> None:
        """Let go of the oldest batch report, or of the oldest of all when there is none."""
        while True:
            block = self._blocks[self._thinned]
            block.unpack()
            texts = block.texts()
            while self._thinned_to < len(block):
                if _is_passing(texts[self._thinned_to], note=bool(block.notes[self._thinned_to])):
                    self._remove(self._thinned, self._thinned_to)
                    return
                self._thinned_to += 1
            if self._thinned == len(self._blocks) - 1:
                break
            self._leave_thinned()
        self._remove(0, 0)

    def _leave_thinned(self) -> None:
        """No batch report is left in the block: the next one is to be thinned."""
        block = self._blocks[self._thinned]
        former = self._blocks[self._thinned - 1] if self._thinned else None
        if former is not None and len(former) + len(block) <= SIZE:
            former.extend(block)
            former.pack()
            del self._blocks[self._thinned]
        else:
            block.pack()
            self._thinned += 1
        self._thinned_to = 0

    def _remove(self, at: int, index: int) -> None:
        block = self._blocks[at]
        self._bytes -= text_bytes(block.remove(index))
        self._count -= 1
        if at == self._thinned and index < self._thinned_to:
            self._thinned_to -= 1
        if block:
            return
        del self._blocks[at]
        if at < self._thinned:
            self._thinned -= 1
        elif at == len(self._blocks) > 0:  # the last one: all before it has been looked through
            self._thinned, self._thinned_to = at - 1, len(self._blocks[-1])


def text_bytes(text: str) -> int:
    """The size of ``text`` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def _is_passing(text: str, *, note: bool) -> bool:
    """Whether the run can be understood without it."""
    if not note and _BATCH.match(text):
        return True
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):
        return False
    passing = PASSING_EVENTS if note else ("batch_start", "batch_end")
    return isinstance(report, dict) and report.get("event") in passing
