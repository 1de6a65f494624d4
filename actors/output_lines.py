"""OutputLines: a process's output, cut into lines. A plain object."""

from __future__ import annotations

import codecs
from typing import Final

MAX_LINE: Final = 8 * 1024
"""Characters after which a line without an end is cut."""


class OutputLines:
    """Takes bytes as they come; bytes that are not UTF-8 become replacement characters.

    Of a line that is written again and again with carriage returns, as progress bars do it, only
    the last state counts.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._line = ""

    def feed(self, data: bytes) -> tuple[str, ...]:
        """The lines that ``data`` completes."""
        *complete, self._line = (self._line + self._decode(data)).split("\n")
        if len(self._line) > MAX_LINE:
            state = _last_state(self._line)
            if len(state) > MAX_LINE:
                complete.append(state)
                self._line = ""
            else:
                self._line = state + ("\r" if self._line.endswith("\r") else "")
        return tuple(_last_state(line) for line in complete)

    def end(self) -> tuple[str, ...]:
        """What is left when the output has ended."""
        *complete, rest = (self._line + self._decode(b"", final=True)).split("\n")
        self._line = ""
        return tuple(_last_state(line) for line in (*complete, rest) if line)


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
