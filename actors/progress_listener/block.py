"""ReportBlock: some entries of a run's log, next to each other, and small in memory.

A plain data structure. A trainer's reports resemble each other, so that a block of them packs to a
twentieth of its size in 1 us a report, and unpacks in half of that (measured on recorded runs).
"""

from __future__ import annotations

import marshal
import zlib
from array import array
from typing import Final

SIZE: Final = 64
"""Entries of a full block: larger ones pack little better, and unpacking one takes 30 us."""

_LEVEL: Final = 1  # zlib's fastest; its best packs by a quarter better and takes twice as long


class ReportBlock:
    """Entries in order; packed or not makes no difference to the reader.

    ``positions``, ``times`` (seconds) and ``notes`` (1 for a note, 0 for a report) stand side by
    side with the texts.
    """

    __slots__ = ("_packed", "_texts", "notes", "positions", "times")

    def __init__(self) -> None:
        self.positions = array("q")
        self.times = array("d")
        self.notes = array("b")
        self._texts: list[str] = []
        self._packed: bytes | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def last(self) -> int:
        """The last entry's position."""
        return self.positions[-1]

    @property
    def characters(self) -> int:
        """Of all its texts that are not packed."""
        return sum(map(len, self._texts))

    def append(self, text: str, *, position: int, time: float, note: bool) -> None:
        """Add an entry, which comes after all others."""
        self.unpack()
        self.positions.append(position)
        self.times.append(time)
        self.notes.append(note)
        self._texts.append(text)

    def extend(self, block: ReportBlock) -> None:
        """Add the entries of ``block``, which come after all others."""
        self.unpack()
        self.positions.extend(block.positions)
        self.times.extend(block.times)
        self.notes.extend(block.notes)
        self._texts.extend(block.texts())

    def remove(self, index: int) -> str:
        """Take an entry out; its text."""
        self.unpack()
        for column in (self.positions, self.times, self.notes):
            del column[index]
        return self._texts.pop(index)

    def texts(self) -> list[str]:
        """The texts, for reading."""
        if self._packed is None:
            return self._texts
        unpacked: list[str] = marshal.loads(zlib.decompress(self._packed))  # noqa: S302 - its own
        return unpacked

    def pack(self) -> None:
        """Make it small; for a block that will hardly be changed any more."""
        if self._packed is None:
            self._packed = zlib.compress(marshal.dumps(self._texts), _LEVEL)
            self._texts = []

    def unpack(self) -> None:
        """Make it quick to change."""
        if self._packed is not None:
            self._texts, self._packed = self.texts(), None
