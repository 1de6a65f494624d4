"""OutputLines: a process's output, cut into lines as a terminal would show them. Plain objects."""

from __future__ import annotations

import codecs
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actors.runtime import TokenBucket
from actors.worker.trainer.row import MAX_LINE
from actors.worker.trainer.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable

BYTES_PER_SECOND: Final = 4 * 1024 * 1024
BURST: Final = 16 * 1024 * 1024
"""Bytes that may come at once. Beyond these two, output is left out before anything is done with
it: nobody reads it, the training must not wait for it, and it must not fill the worker's memory.
Blanks that the cursor has passed over count as if they had come."""

CONTROL_COST: Final = 48
"""Bytes of plain text that a control character costs as much time as: the slowest ones do."""

END_KEPT: Final = 16 * 1024
"""Bytes at the end of all output that are not left out: there a failure says why."""

_LONG: Final = MAX_LINE // 2
"""Characters of a line that has room in a row, however wide they are."""

_UNTOLD: Final = 8 * MAX_LINE
"""Bytes that are told later than they come, as those of a line that comes in pieces."""

_CONTROLS: Final = bytes({*range(0x20), 0x7F} - {*b"\t\n"})
_IS_SPECIAL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Written:
    """Lines that stand, and the block of lines that may still change, joined by line feeds."""

    lines: tuple[str, ...]
    changing: str | None


class OutputLines:
    """Takes bytes as they come; bytes that are not UTF-8 become replacement characters.

    Of lines that are written over again and again, as progress bars do it, only what stands in the
    end counts. Colours stay, all else that a terminal would obey is obeyed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bucket = TokenBucket(rate=BYTES_PER_SECOND, burst=BURST)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._screen = Screen()
        self._line = ""  # the beginning of a plain line; the screen is blank then
        self._left_out: int | None = None  # line feeds in what is being left out
        self._end_of_left_out = b""
        self._untold = 0  # bytes that were read and may still be told

    def feed(self, data: bytes) -> Written:
        """The lines that ``data`` brings to stand, and what may still change after it."""
        read = data if self._left_out is None else self._end_of_left_out + data
        controls = len(read) - len(read.translate(None, _CONTROLS))
        cost = len(read) + CONTROL_COST * controls
        if not self._bucket.take(cost, now=self._clock()):
            return Written(self._leave_out(data), None)
        lines: list[str] = []
        if self._left_out is not None:
            lines, data = self._resume(data)
        lines += self._read(self._decoder.decode(data))
        self._count_blanks(len(read), sum(map(len, lines)))
        return Written(tuple(lines), self._screen.block())

    def end(self) -> Written:
        """What is left when the output has ended."""
        lines: list[str] = []
        if self._left_out is not None:
            lines, data = self._resume(b"")
            if self._left_out is not None:  # no line begins in what was kept
                lines, data = self._resume(b"\n")
            lines += self._read(self._decoder.decode(data))
        lines += self._read(self._decoder.decode(b"", final=True))
        return Written((*lines, *self._all()), None)

    def _count_blanks(self, read: int, told: int) -> None:
        """A few bytes move the cursor so far that a line of thousands of characters is told."""
        self._untold = min(self._untold + read, max(read, _UNTOLD))
        self._bucket.owe(max(0, told - self._untold))
        self._untold = max(0, self._untold - told)

    def _read(self, text: str) -> list[str]:
        if self._is_plain(text):
            *lines, self._line = (self._line + text).split("\n")
            return lines
        text, self._line = self._line + text, ""
        lines = self._screen.feed(text)
        if self._screen.is_plain:
            self._line, self._screen = self._screen.beginning, Screen()
        return lines

    def _is_plain(self, text: str) -> bool:
        if not self._screen.is_plain or _IS_SPECIAL.search(text):
            return False
        size = len(self._line) + len(text)
        return size <= _LONG or max(map(len, (self._line + text).split("\n"))) <= _LONG

    def _all(self) -> list[str]:
        text, self._line = self._line, ""
        return self._screen.feed(text) + self._rest_of_screen()

    def _rest_of_screen(self) -> list[str]:
        screen, self._screen = self._screen, Screen()
        return screen.end()

    def _leave_out(self, data: bytes) -> tuple[str, ...]:
        """Leave ``data`` out, from the first of its lines to the end of its last."""
        lines: list[str] = []
        if self._left_out is None:
            begins_line = not self._line and self._screen.is_plain and not self._screen.beginning
            self._end_of_left_out = b"\n" if begins_line else b""
            self._left_out, lines = 0, self._all()
            self._decoder.reset()
        self._left_out += data.count(b"\n")
        self._end_of_left_out = (self._end_of_left_out + data[-END_KEPT:])[-END_KEPT:]
        return tuple(lines)

    def _resume(self, data: bytes) -> tuple[list[str], bytes]:
        """What to say of what was left out, and what to read: its end and ``data``.

        That is read from where a line begins in it; where none does, ``data`` is left out too.
        """
        assert self._left_out is not None
        kept = self._end_of_left_out + data
        at = min((at for at in map(kept.find, (b"\n", b"\r")) if at >= 0), default=None)
        if at is None:
            return list(self._leave_out(data)), b""
        read = kept[at + (kept[at : at + 1] == b"\n") :]
        count = self._left_out + data.count(b"\n") - read.count(b"\n")
        self._left_out = None
        return [f"... {count} lines of output are left out"] if count else [], read
