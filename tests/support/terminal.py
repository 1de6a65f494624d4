"""A terminal, as pyte has it, to compare with."""

import pyte


def shown(output: bytes, *, columns: int = 300, rows: int = 300) -> list[str]:
    """The lines that stand in a terminal after ``output``, without blanks at their ends."""
    screen = pyte.Screen(columns, rows)
    screen.set_mode(pyte.modes.LNM)  # a pipe's line feed is a terminal's new line
    pyte.ByteStream(screen).feed(output)
    return without_blank_end(screen.display)


def without_blank_end(lines: list[str]) -> list[str]:
    """``lines`` without blanks at their ends, and without blank lines at the end."""
    lines = [line.rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines
