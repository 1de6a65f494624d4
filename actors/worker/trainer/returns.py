"""Returns: how far up a program's cursor comes back, by what it has done so far. Plain objects."""

from __future__ import annotations

from collections import deque
from typing import Final

KNOWN: Final = 5
"""Returns after which it is known how far up the cursor comes."""

HIDDEN_REACH: Final = 9
"""Rows above the lowest one that a program which has hidden the cursor may come back to, as long as
that is not known: rich does so before it draws its first block."""


class Returns:
    """Is told of each line feed and each return, and says which rows are out of reach."""

    def __init__(self) -> None:
        self._depths: deque[int] = deque(maxlen=KNOWN)
        self._fed = 0  # line feeds since the last return
        self._is_hidden = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known that would keep a row from standing."""
        return not self._depths and not self._is_hidden

    @property
    def are_known(self) -> bool:
        """Whether the cursor has come back often enough to say how far up it comes."""
        return len(self._depths) == KNOWN

    @property
    def reach(self) -> int:
        """Rows above the lowest one that may be written over again."""
        reach = max(self._depths, default=0)
        return reach if self.are_known or not self._is_hidden else max(reach, HIDDEN_REACH)

    def begin(self) -> None:
        """The cursor goes up."""
        self._fed = 0

    def end(self, depth: int) -> None:
        """It has come back to ``depth`` rows above the lowest one."""
        self._depths.append(depth)

    def feed(self) -> None:
        """The cursor goes down a row; below all that it came back to, it has left that."""
        self._fed += 1
        if self._fed > max(self._depths, default=0):
            self._depths.clear()

    def show(self, *, visible: bool) -> None:
        """The cursor is shown, or hidden."""
        if self._is_hidden is visible:
            self._is_hidden = not visible
            if not visible:
                self._depths.clear()
