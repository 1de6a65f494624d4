"""OutputLines: a process's output, cut into lines. Plain objects."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Final

MAX_LINE: Final = 8 * 1024
"""Characters after which a line without an end is cut: every client takes a message of that."""

CHARACTERS_PER_SECOND: Final = 4 * 1024 * 1024
BURST: Final = 16 * 1024 * 1024
"""Characters that may come at once. Beyond these two, lines are left out: nobody reads them, and
they must not fill the memory of a worker that trains for days."""


@dataclass(frozen=True, slots=True)
class Written:
    """Complete lines, and the last state of the line that is written again and again, if any."""

    lines: tuple[str, ...]
    changing: str | None


class OutputLines:
    """Takes bytes as they come; bytes that are not UTF-8 become replacement characters.

    Of a line that is written again and again with carriage returns, as progress bars do it, only
    the last state counts.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._line = ""

    def feed(self, data: bytes) -> Written:
        """The lines that ``data`` completes, and how it leaves the one after them."""
        *complete, self._line = (self._line + self._decode(data)).split("\n")
        if len(self._line) > MAX_LINE:
            state = _last_state(self._line)
            if len(state) > MAX_LINE:
                complete.append(state)
                self._line = ""
            else:
                self._line = "\r" + state + ("\r" if self._line.endswith("\r") else "")
        lines = tuple(piece for line in complete for piece in _pieces(_last_state(line)))
        return Written(lines, _last_state(self._line) if "\r" in self._line else None)

    def end(self) -> Written:
        """What is left when the output has ended."""
        rest, self._line = self._line + self._decode(b"", final=True), ""
        return Written(tuple(_pieces(_last_state(rest))) if rest else (), None)


class LineBudget:
    """Lets lines pass as long as they are not absurdly many."""

    def __init__(self) -> None:
        self._left = float(BURST)
        self._at = float("-inf")
        self._dropped = 0

    def pass_on(self, lines: tuple[str, ...], *, now: float) -> tuple[str, ...]:
        """Of ``lines``, which came at ``now`` (seconds), all or none.

        When lines may pass again, one says how many have been left out.
        """
        if not lines:
            return ()
        size = sum(len(line) + 1 for line in lines)
        self._left = min(BURST, self._left + (now - self._at) * CHARACTERS_PER_SECOND)
        self._at = now
        if size > self._left:
            self._dropped += len(lines)
            return ()
        self._left -= size
        if not self._dropped:
            return lines
        dropped, self._dropped = self._dropped, 0
        return (f"... {dropped} lines of output are left out", *lines)


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def _pieces(line: str) -> list[str]:
    return [line[at : at + MAX_LINE] for at in range(0, len(line), MAX_LINE)] or [""]
