"""The table of log lines says what the code writes, and at which level."""

import ast
import re

from tests.support.documents import page, section
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
    """The lines that it names, and their levels."""
    text = section(page("log"), "What the log says")
    rows = re.findall(r"^\| (`.+?`) \| (\w+) \|", text, flags=re.MULTILINE)
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


def test_what_the_troubleshooting_quotes_is_said_somewhere() -> None:
    text = section(page("log"), "Troubleshooting")
    quoted = re.findall(r"^\*\*(?:[^`*]*)`(.+?)`", text, flags=re.MULTILINE)
    assert len(quoted) >= 5
    code = "".join(
        path.read_text()
        for pattern in ("*.py", "page/*.js")
        for path in sorted((ROOT / "actors" / "worker").rglob(pattern))
    )
    assert [words for words in quoted if words not in code] == []
