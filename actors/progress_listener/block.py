"""Block: some entries of a run's log, one after another, and small in memory.

A plain data structure. A trainer's reports resemble each other, so that a block of them packs to a
twentieth of its size in 1 us a report, and unpacks in half of that (measured on recorded runs).
"""

from __future__ import annotations

import marshal
import zlib
from array import array
from typing import Final, NamedTuple

SIZE: Final = 64
"""Entries of a full block: larger ones pack little better, and unpacking one takes 30 us."""

BYTES: Final = 128 * 1024
"""Bytes of text with which a block is full and large: packing it takes 2 ms. Full blocks of real
reports have a quarter of that."""

_LEVEL: Final = 1  # zlib's fastest; its best packs by a quarter better and takes twice as long


REPORT: Final = 0
"""The kind of an entry that has come over the socket."""

ADDED: Final = 1
"""Of a report that was added from elsewhere, and counts in no job."""

NOTE: Final = 2
"""Of a worker event."""


class Entry(NamedTuple):
    """One entry of the log."""

    position: int
    time: float
    kind: int
    reports: int
    text: str


class Block:
    """Entries in the order in which they were added; packed or not is the same to the reader.

    ``positions``, ``times`` (seconds), ``kinds``, ``reports`` (how many of the kind REPORT the job
    has up to the entry) and ``sizes`` (bytes of the text) stand side by side with the texts.
    """

    __slots__ = ("_bytes", "_packed", "_texts", "kinds", "positions", "reports", "sizes", "times")

    def __init__(self) -> None:
        self.positions = array("q")
        self.times = array("d")
        self.kinds = array("b")
        self.reports = array("q")
        self.sizes = array("q")
        self._texts: list[str] = []
        self._bytes = 0
        self._packed: bytes | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def last(self) -> int:
        """The last entry's position."""
        return self.positions[-1]

    @property
    def is_full(self) -> bool:
        """Whether the next entry belongs into another block."""
        return len(self.positions) >= SIZE or self.is_large

    @property
    def is_large(self) -> bool:
        """Whether it takes much memory until it is packed."""
        return self._bytes >= BYTES

    def append(self, entry: Entry, size: int) -> None:
        """Add ``entry``, which comes after all others, to a block that is not packed."""
        self.positions.append(entry.position)
        self.times.append(entry.time)
        self.kinds.append(entry.kind)
        self.reports.append(entry.reports)
        self.sizes.append(size)
        self._texts.append(entry.text)
        self._bytes += size

    def entry(self, index: int, texts: list[str]) -> Entry:
        """The entry at ``index``; ``texts`` are those of the block."""
        return Entry(
            self.positions[index],
            self.times[index],
            self.kinds[index],
            self.reports[index],
            texts[index],
        )

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
