"""Row: one line of a terminal, as cells with their colours. Plain objects."""

from __future__ import annotations

import itertools
import operator
import re
import unicodedata
from functools import lru_cache
from typing import Final

MAX_LINE: Final = 8 * 1024
"""Columns of a row, and characters of a line: every client takes a message of that."""

_CELL: Final = 16
"""Characters of a cell: one, and the accents that are written over it."""

_SETS: Final = {
    **{code: code for code in "123456789"},
    "21": "4",
    **{str(code): "38" for code in (*range(30, 38), *range(90, 98))},
    **{str(code): "48" for code in (*range(40, 48), *range(100, 108))},
}
"""The attribute of a character that each code sets."""

_ENDS: Final = {
    "22": ("1", "2"),
    **{str(20 + code): (str(code),) for code in (3, 4, 7, 8, 9)},
    "25": ("5", "6"),
    "39": ("38",),
    "49": ("48",),
}
"""The attributes that each code ends."""


_IS_NARROW: Final = re.compile(
    "[\t -~\xa0-\xac\xae-\u02ff\u0370-\u0482\u2010-\u2027\u2190-\u21ff\u2500-\u25fc\u2800-\u28ff]*"
).fullmatch
"""Whether all characters are of these that have one column, as those of progress bars."""


@lru_cache(maxsize=1024)
def styled(style: str, codes: str) -> str:
    """``style``, which is "" or such codes itself, after the sequence that sets ``codes``."""
    attributes = styled_attributes(style) if style else {}
    attributes = styled_attributes(codes, attributes)
    return ";".join(attributes.values())


def styled_attributes(codes: str, attributes: dict[str, str] | None = None) -> dict[str, str]:
    """``attributes`` after ``codes``: each attribute that is set, with the codes that do so."""
    attributes = dict(attributes or {})
    words = [word.lstrip("0") or "0" for word in codes.replace(":", ";").split(";")]
    while words:
        code = words.pop(0)
        if code == "0":
            attributes.clear()
        elif code in ("38", "48"):  # a colour by its number, or by red, green and blue
            count = 2 if words[:1] == ["5"] else 4
            rest, words = words[:count], words[count:]
            if len(rest) == count:
                attributes[code] = ";".join((code, *rest))
        elif code in _SETS:
            attributes[_SETS[code]] = code
        for ended in _ENDS.get(code, ()):
            attributes.pop(ended, None)
    return attributes


class Row:
    """What stands in it; ``is_changed`` says that something was written over, or erased.

    ``is_absent`` marks a row in place of one that has been told, until something is written to it.
    It is pieces of text with their styles, and is taken apart into cells when a part of it changes.
    """

    __slots__ = ("_cells", "_pieces", "_styles", "columns", "is_absent", "is_changed")

    def __init__(self, *, is_absent: bool = False) -> None:
        self._pieces: list[tuple[str, str]] = []
        self._cells: list[str] | None = None
        self._styles: list[str] = []
        self.columns = 0
        self.is_changed = self.is_absent = is_absent

    @property
    def is_plain(self) -> bool:
        """Whether it is text as it came, without a colour."""
        return not self.is_changed and not any(style for _, style in self._parts())

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to be seen in it."""
        return all(text.isspace() for text, _ in self._parts())

    def write(self, column: int, text: str, style: str) -> int:
        """Write ``text``, or the beginning that there is room for; the column behind it."""
        columns = _columns_of(text)
        self.is_absent = False
        if columns is None or column + columns > MAX_LINE:
            return self._write_cells(column, text, style)
        if column == 0 and columns >= self.columns > 0:
            self.erase(0)
        if column < self.columns or self._cells is not None:
            return self._write_cells(column, text, style)
        if column > self.columns:
            self._pieces.append((" " * (column - self.columns), ""))
        self._pieces.append((text, style))
        self.columns = column + columns
        return self.columns

    def erase(self, first: int, last: int = MAX_LINE) -> None:
        """Erase from the column ``first`` to before the column ``last``."""
        self.is_changed = True
        if first == 0 and last >= self.columns:
            self._pieces, self._cells, self._styles, self.columns = [], None, [], 0
        elif last >= self.columns:
            self.delete(first, self.columns)
        else:
            cells = self._apart()
            cells[first:last] = " " * (last - first)
            self._styles[first:last] = [""] * (last - first)

    def delete(self, column: int, count: int) -> None:
        """Take ``count`` cells out; those behind them move up."""
        self.is_changed = True
        cells = self._apart()
        del cells[column : column + count], self._styles[column : column + count]
        self.columns = len(cells)

    def insert(self, column: int, count: int) -> None:
        """Put ``count`` blanks in; what moves out of the row is lost."""
        self.is_changed = True
        if column < self.columns:
            cells = self._apart()
            cells[column:column] = " " * count
            self._styles[column:column] = [""] * count
            del cells[MAX_LINE:], self._styles[MAX_LINE:]
            self.columns = len(cells)

    def text(self, longest: int = MAX_LINE) -> str:
        """What it shows, with its colours if these have room in ``longest`` characters.

        Blanks at its end are the program's own, and none where it has written over them.
        """
        parts = self._parts()
        if self.is_changed:
            parts = _without_blanks(parts)
        if any(style for _, style in parts):
            coloured = _coloured(parts)
            if len(coloured) <= longest:
                return coloured
        return "".join(text for text, _ in parts)[:longest]

    def _write_cells(self, column: int, text: str, style: str) -> int:
        cells = self._apart()
        if column > len(cells):
            self._styles += [""] * (column - len(cells))
            cells += " " * (column - len(cells))
        elif column < len(cells):
            self.is_changed = True
        new = _cells_of(text, cells, column)
        end = min(column + len(new), MAX_LINE)
        cells[column:end] = new[: end - column]
        self._styles[column:end] = [style] * (end - column)
        self.columns = len(cells)
        return end

    def _apart(self) -> list[str]:
        if self._cells is None:
            self._cells = []
            for text, style in self._pieces:
                self._cells += _cells_of(text, [], 0)
                self._styles += [style] * (len(self._cells) - len(self._styles))
            self._pieces = []
        return self._cells

    def _parts(self) -> list[tuple[str, str]]:
        """Its text from left to right, each piece with its style."""
        if self._cells is None:
            return self._pieces
        return [
            ("".join(cell for cell, _ in group), style)
            for style, group in itertools.groupby(
                zip(self._cells, self._styles, strict=True), key=operator.itemgetter(1)
            )
        ]


def _without_blanks(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """``parts`` without the blanks at their end, unless these have a colour."""
    while parts and not parts[-1][1]:
        text = parts[-1][0].rstrip(" ")
        parts = parts[:-1]
        if text:
            return [*parts, (text, "")]
    return parts


def _coloured(parts: list[tuple[str, str]]) -> str:
    found, before = [], ""
    for text, style in parts:
        if style != before:
            found.append("\x1b[0m" if not style else f"\x1b[{'0;' if before else ''}{style}m")
            before = style
        found.append(text)
    return "".join(found) + ("\x1b[0m" if before else "")


def _columns_of(text: str) -> int | None:
    """The columns of ``text``; None when a character in it has none."""
    if text.isascii() or _IS_NARROW(text):
        return len(text)
    each = {character: _width(character) for character in set(text)}
    if 0 in each.values():
        return None
    return len(text) if 2 not in each.values() else sum(map(each.__getitem__, text))


def _cells_of(text: str, before: list[str], column: int) -> list[str]:
    """The cells of ``text``, which is written to ``column`` behind those ``before`` it.

    A character of two columns has an empty cell behind it; an accent joins its letter.
    """
    if text.isascii():
        return list(text)
    cells: list[str] = []
    for character in text:
        width = _width(character)
        joined = not width and (
            _join(cells, len(cells), character) or _join(before, column, character)
        )
        if not joined:
            cells += [character, ""][: width or 1]
    return cells


def _join(cells: list[str], end: int, accent: str) -> bool:
    """Whether there is a character before the column ``end`` that the ``accent`` has joined."""
    for at in (end - 1, end - 2):
        if 0 <= at < len(cells) and cells[at]:
            cells[at] += accent if len(cells[at]) < _CELL else ""
            return True
    return False


@lru_cache(maxsize=4096)
def _width(character: str) -> int:
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 0 if unicodedata.category(character) in ("Mn", "Me", "Cf") else 1
