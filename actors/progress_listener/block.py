"""Block: some entries of a run's log, one after another, and small in memory.

A plain data structure. A trainer's reports resemble each other, so that a block of them packs to a
twentieth of its size in 1 us a report, and unpacks in half of that (measured on recorded runs).
"""

from __future__ import annotations

import marshal
import zlib
from bisect import bisect_left
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE: Final = 64
"""Entries of a full block: larger ones pack little better, and unpacking one takes 30 us."""

BYTES: Final = 128 * 1024
"""Bytes of text with which a block is full and large: packing it takes 2 ms. Full blocks of real
reports have a quarter of that."""

UNPACKED: Final = 8
"""Blocks that stay unpacked for readers: a late client takes each in several pages."""

_LEVEL: Final = 1  # zlib's fastest; its best packs by a quarter better and takes twice as long


REPORT: Final = 0
"""The kind of an entry that has come over the socket."""

ADDED: Final = 1
"""Of a report that was added from elsewhere, and counts in no job."""

NOTE: Final = 2
"""Of a worker event."""


class Entry(NamedTuple):
    """One entry of the log.

    ``time`` is in seconds, ``reports`` how many of the kind REPORT the job has up to the entry, and
    ``size`` the bytes of the text.
    """

    position: int
    time: float
    kind: int
    reports: int
    size: int
    text: str


class Block:
    """Entries in the order in which they were added; packed or not is the same to the reader."""

    __slots__ = ("_bytes", "_entries", "_packed", "last")

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._packed: bytes | None = None
        self._bytes = 0
        self.last = 0
        """The position of the entry that was added last."""

    @property
    def is_full(self) -> bool:
        """Whether the next entry belongs into another block."""
        return len(self._entries) >= SIZE or self.is_large

    @property
    def is_large(self) -> bool:
        """Whether it takes much memory until it is packed."""
        return self._bytes >= BYTES

    def append(self, entry: Entry) -> None:
        """Add ``entry``, which comes after all others, to a block that is not packed."""
        self._entries.append(entry)
        self._bytes += entry.size
        self.last = entry.position

    def entries(self, position: int = 0) -> Iterator[Entry]:
        """Its entries from ``position`` on."""
        entries = self._entries if self._packed is None else _unpacked(self._packed)
        return islice(entries, bisect_left(entries, (position,)), None)

    def pack(self) -> None:
        """Make it small; nothing is added to it any more."""
        if self._packed is None and self._entries:
            columns = list(zip(*self._entries, strict=True))
            self._packed = zlib.compress(marshal.dumps(columns), _LEVEL)
            self._entries = []

    def drop_oldest(self) -> Entry:
        """Drop its first entry."""
        if self._packed is not None:
            self._entries, self._packed = list(self.entries()), None
        return self._entries.pop(0)


@lru_cache(maxsize=UNPACKED)
def _unpacked(packed: bytes) -> list[Entry]:
    columns = marshal.loads(zlib.decompress(packed))  # noqa: S302 - its own
    return list(map(Entry._make, zip(*columns, strict=True)))
