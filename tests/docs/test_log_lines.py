"""The README's table of log lines says what the code writes, and at which level."""

import ast
import re

from tests.support.paths import ROOT


def written() -> list[tuple[str, str]]:
    """The level and the format of each log line of the reporter."""
    found = []
    for path in (ROOT / "actors").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log"), attr=level),
                    args=[ast.Constant(value=str(line)), *_],
                ):
                    found.append((level.upper(), line))
    return found


def table() -> list[tuple[str, str]]:
    """The lines that the README names, and their levels."""
    section = (ROOT / "README.md").read_text().split("## What the log says")[1].split("## ")[0]
    rows = re.findall(r"^\| (`.+?`) \| (\w+) \|", section, flags=re.MULTILINE)
    return [(level, line) for lines, level in rows for line in re.findall(r"`(.+?)`", lines)]


def says(line: str, written: str) -> bool:
    """Whether ``line``, with ``...`` and ``N`` for what differs, is how ``written`` reads."""
    pieces = [re.escape(piece) for piece in re.split(r"\.\.\.|\bN\b|IDLE|BINDING", line)]
    return re.match(".*".join(pieces), written) is not None


def test_each_line_of_the_table_is_written_at_its_level() -> None:
    lines = written()
    assert len(table()) >= 12
    for level, line in table():
        assert [text for at, text in lines if at == level and says(line, text)], (level, line)
