"""Output: the newest part of what a training has written, by position."""

from __future__ import annotations

from collections import deque
from typing import Final

LIMIT: Final = 16 * 1024 * 1024
"""Bytes that are kept for a worker that is behind; what is older can be in the output's log."""


class Output:
    """Its first byte has the position ``position``; ``first`` is the first that is still there."""

    def __init__(self, position: int = 0) -> None:
        self._pieces: deque[bytes] = deque()
        self.first = self.last = position

    def append(self, data: bytes) -> None:
        """Add ``data``; the oldest goes when there is too much."""
        self._pieces.append(data)
        self.last += len(data)
        self.release(self.last - LIMIT)

    def release(self, position: int) -> None:
        """What lies before ``position`` is needed no longer."""
        while self._pieces and self.first + len(self._pieces[0]) <= position:
            self.first += len(self._pieces.popleft())

    def piece(self, position: int) -> bytes:
        """Some of what comes after ``position``, which is not before ``first``."""
        start = self.first
        for piece in self._pieces:
            if position < start + len(piece):
                return piece[position - start :]
            start += len(piece)
        return b""
