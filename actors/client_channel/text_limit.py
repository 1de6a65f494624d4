"""TextLimit: how much a client may send, before anybody reads it. A plain object."""

from __future__ import annotations

from typing import Final

from actors.runtime import TokenBucket

TEXTS: Final = 1000
BYTES: Final = 4 * 1024 * 1024
"""What a client may send at once: a person's orders are a few, and a file is not sent as text."""

TEXTS_RATE: Final = 100.0
BYTES_RATE: Final = 1024.0 * 1024
"""What it may send a second in the long run."""

LIMIT: Final = f"{TEXTS_RATE:.0f} texts or {BYTES_RATE / 2**20:.0f} MiB a second"
"""The same in words."""


class TextLimit:
    """Of one client, or of ``factor`` of them."""

    def __init__(self, factor: int = 1) -> None:
        self._texts = TokenBucket(rate=factor * TEXTS_RATE, burst=factor * TEXTS)
        self._bytes = TokenBucket(rate=factor * BYTES_RATE, burst=factor * BYTES)

    def takes(self, size: int, *, now: float) -> bool:
        """Whether a text of ``size`` bytes that comes at ``now`` (seconds) is within the limit."""
        return self._texts.take(1, now=now) and self.takes_bytes(size, now=now)

    def takes_bytes(self, size: int, *, now: float) -> bool:
        """The same of bytes that are no text, or not one yet."""
        return self._bytes.take(size, now=now)
