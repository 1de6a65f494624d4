"""Screen: a process's output as a terminal would show it. A plain object.

What a terminal shows can be written over for ever; what has been told of a run cannot. So a row is
told when it stands: the cursor is below it, and nothing says that it will come back. The programs
that do come back say so by what they write:

- The rows up to which the cursor has come back lately may be written over again, and so may the
  last ten of a program that has hidden the cursor.
- A row that was written over, such as a progress bar, stands when the program has settled below it:
  it has begun a row with text, has written over a row again and again, or comes back to lower rows
  alone. (tqdm goes to a second bar by a line feed and a carriage return, and back after its text.)

It is as wide as a line may be: what writes into a pipe knows of no width.
"""

from __future__ import annotations

import re
from typing import Final

from actors.worker.trainer.returns import Returns
from actors.worker.trainer.row import MAX_LINE, Row, styled

HEIGHT: Final = 50
"""Rows that may be written over; a terminal has about as many."""

BLOCK: Final = 10
"""Rows of the changing block that are told: the last ones."""

BLOCK_LINE: Final = 1024
"""Characters of a line of the block: all of it is in a message that any client takes."""

_TOKENS: Final = re.compile(
    r"(?P<text>[^\x00-\x08\x0a-\x1f\x7f-\x9f]+)"
    r"|(?:\x1b\[|\x9b)(?P<numbers>[0-?]{0,256})[ -/]{0,8}(?P<control>[@-~])"
    # A command, such as a title: to its end, or to the escape that breaks it off.
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x9c|\x1b\\|(?=\x1b[^\\]))"
    r"|\x1b(?P<escape>[ -/]{0,8}[0-OQ-WYZ`-~])"
    # One of these that has not ended yet.
    r"|(?P<open>(?:(?:\x1b\[|\x9b)[0-?]{0,256}[ -/]{0,8}"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,4096}\x1b?|\x1b[ -/]{0,8})\Z)"
    r"|\x1b[\[\]PX^_]"  # what is too long, or broken off, is none of them
    r"|(?P<other>[\x00-\x1f\x7f-\x9f])"
)


class Screen:
    """Takes text; tells the rows that stand, and the block that may still change."""

    def __init__(self) -> None:
        self._rows = [Row()]
        self._at = self._column = 0
        self._saved = (0, 0)
        self._style = ""
        self._open = ""
        self._standing: list[str] = []
        self._returns = Returns()
        self._came_from: int | None = None  # while it has come up and not written yet
        self._left_behind = 0  # the rows above this one, for the program has settled in it
        self._by_feed = self._by_return = False  # how it came to where it is
        self._has_written = False  # in this row since it came to it

    @property
    def is_plain(self) -> bool:
        """Whether there is the beginning of a line of plain text, and no more."""
        (row, *more) = self._rows
        return (
            not (more or self._style or self._open or self._by_return)
            and row.is_plain
            and row.columns == self._column
            and self._returns.is_empty
        )

    @property
    def beginning(self) -> str:
        """The beginning of a line that is there with ``is_plain``."""
        return self._rows[0].text()

    def feed(self, text: str) -> list[str]:
        """Write ``text``; the lines that have come to stand."""
        text, self._open = self._open + text, ""
        for token in _TOKENS.finditer(text):
            match token.lastgroup:
                case "text":
                    self._write(token[0])
                case "control":
                    self._control(token["control"], token["numbers"])
                case "other":
                    self._character(token[0])
                case "escape":
                    self._escape(token["escape"])
                case "open":
                    self._open = token[0]
                case _:
                    pass
        lines, self._standing = self._standing, []
        return lines

    def block(self) -> str | None:
        """The last lines of what may still change; None for the beginning of a plain line."""
        if len(self._rows) == 1 and not self._rows[0].is_changed:
            return None
        rows = [row for row in self._rows[: self._lowest + 1] if not row.is_absent][-BLOCK:]
        return "\n".join(row.text(BLOCK_LINE) for row in rows).rstrip("\n") or None

    def end(self) -> list[str]:
        """All that has not been told; nothing is fed after it."""
        last = self._lowest
        self._tell(last if self._rows[last].is_blank else last + 1)
        return self._standing

    # Writing

    def _write(self, text: str) -> None:
        is_over = self._by_return
        if not text.isspace():
            self._settle()
        while text:
            if self._column >= MAX_LINE:
                self._feed()
            room = MAX_LINE - self._column
            piece = text[:room] if text.isascii() else text[: room // 2 or 1]
            row = self._rows[self._at]
            row.is_changed = row.is_changed or is_over
            self._column = row.write(self._column, piece, self._style)
            text = text[len(piece) :]

    def _settle(self) -> None:
        """Something to be seen is about to be written."""
        self._end_return()
        begins = self._by_feed and not self._has_written
        again = self._by_return and self._has_written
        if begins or again:
            self._left_behind = max(self._left_behind, self._at)
            self._tell_standing()
        self._has_written, self._by_return = True, False

    def _feed(self) -> None:
        self._end_return()
        self._returns.feed()
        self._go(self._at + 1, 0)
        self._by_feed = True
        self._tell_standing()
        self._tell(len(self._rows) - HEIGHT)

    def _character(self, character: str) -> None:
        match character:
            case "\n" | "\x0b" | "\x0c" | "\x84" | "\x85":
                self._feed()
            case "\r":
                self._column, self._by_feed, self._by_return = 0, False, True
            case "\b":
                self._column, self._by_feed = max(0, self._column - 1), False
            case "\x8d":
                self._go(self._at - 1, self._column)
            case _:
                pass

    def _escape(self, escape: str) -> None:
        match escape:
            case "D" | "E":
                self._feed()
            case "M":
                self._go(self._at - 1, self._column)
            case "7":
                self._saved = (self._at, self._column)
            case "8":
                self._go(*self._saved)
            case "c":
                self._style = ""
                self._erase_rows(0, len(self._rows))
            case _:
                pass

    def _control(self, control: str, numbers: str) -> None:
        if control == "m":
            if not numbers or numbers[0] not in "<=>?":
                self._style = styled(self._style, numbers)
        elif numbers.startswith("?"):
            if numbers == "?25" and control in "hl":
                self._returns.show(visible=control == "h")
        else:
            first, second = (*map(_number, numbers.split(";")), 0)[:2]
            if not self._move(control, first, second):
                self._change(control, first)

    def _move(self, control: str, number: int, second: int) -> bool:
        count, row, column = number or 1, self._at, self._column
        match control:
            case "A":
                row -= count
            case "B" | "e":
                row += count
            case "C" | "a":
                column += count
            case "D":
                column -= count
            case "E":
                row, column = row + count, 0
            case "F":
                row, column = row - count, 0
            case "G" | "`":
                column = count - 1
            case "H" | "f":
                row, column = min(count, len(self._rows)) - 1, (second or 1) - 1
            case "d":
                row = min(count, len(self._rows)) - 1
            case "s":
                self._saved = (row, column)
            case "u":
                row, column = self._saved
            case _:
                return False
        self._go(min(row, HEIGHT - 1), column)  # a line feed alone makes rows beyond the last
        return True

    def _change(self, control: str, number: int) -> None:
        row, count = self._rows[self._at], number or 1
        match control:
            case "J":
                self._erase_display(number)
            case "K":
                first = 0 if number in (1, 2) else self._column
                row.erase(first, self._column + 1 if number == 1 else MAX_LINE)
            case "P":
                row.delete(self._column, count)
            case "@":
                row.insert(self._column, min(count, MAX_LINE))
            case "X":
                row.erase(self._column, self._column + count)
            case "L":
                self._rows[self._at : self._at] = [Row() for _ in range(min(count, HEIGHT))]
                del self._rows[max(HEIGHT, self._at + 1) :]
            case "M":
                del self._rows[self._at : self._at + count]
                self._rows += [Row()] * (self._at == len(self._rows))
            case _:
                pass

    def _erase_display(self, number: int) -> None:
        row = self._rows[self._at]
        match number:
            case 0:
                row.erase(self._column)
                self._erase_rows(self._at + 1, len(self._rows))
            case 1:
                row.erase(0, self._column + 1)
                self._erase_rows(0, self._at)
            case _:
                self._erase_rows(0, len(self._rows))

    def _erase_rows(self, first: int, last: int) -> None:
        for row in self._rows[first:last]:
            row.erase(0)

    # The cursor

    @property
    def _lowest(self) -> int:
        """The lowest row that has something in it, or the cursor's."""
        last = len(self._rows) - 1
        while last > self._at and self._rows[last].is_blank:
            last -= 1
        return last

    def _go(self, row: int, column: int) -> None:
        self._column = min(max(0, column), MAX_LINE - 1)
        self._by_feed = self._by_return = False
        if row == self._at:
            return
        if row < self._at and self._came_from is None:
            self._came_from = self._lowest
            self._returns.begin()
        if row < 0:
            self._make_room(min(-row, HEIGHT))
            row = 0
        self._at = min(row, max(HEIGHT - 1, self._at + 1))
        self._rows += [Row() for _ in range(self._at + 1 - len(self._rows))]
        self._left_behind = min(self._left_behind, self._at)
        self._has_written = False

    def _make_room(self, count: int) -> None:
        """Rows in place of ``count`` that have been told: the others are where they belong."""
        self._rows[:0] = [Row(is_absent=True) for _ in range(count)]
        self._shift(count)
        del self._rows[HEIGHT:]

    def _end_return(self) -> None:
        if self._came_from is not None:
            self._returns.end(max(0, self._came_from - self._at))
            self._came_from = None
            self._tell_standing()

    def _shift(self, count: int) -> None:
        """The rows have got ``count`` others above them."""
        self._at = max(0, self._at + count)
        self._saved = (max(0, self._saved[0] + count), self._saved[1])
        self._left_behind = max(0, self._left_behind + count)
        if self._came_from is not None:
            self._came_from = max(0, self._came_from + count)

    # What stands

    def _tell_standing(self) -> None:
        if not self._at:
            return
        returns = self._returns
        limit = min(self._at, self._lowest - returns.reach)
        left_behind = limit if returns.are_known else self._left_behind
        standing = 0
        while standing < limit and (standing < left_behind or not self._rows[standing].is_changed):
            standing += 1
        self._tell(standing)

    def _tell(self, count: int) -> None:
        if count <= 0:
            return
        self._standing += [row.text() for row in self._rows[:count] if not row.is_absent]
        del self._rows[:count]
        self._rows = self._rows or [Row()]
        self._shift(-count)


def _number(text: str) -> int:
    return min(int(text), 9999) if text.isascii() and text.isdigit() else 0
