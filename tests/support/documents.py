"""The project's documents, and what stands in them."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

README = ROOT / "README.md"

PAGES = sorted((ROOT / "docs").glob("*.md"))
"""What the README leads to."""

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES]


def page(name: str) -> str:
    """The text of a page of ``docs/``."""
    return (ROOT / "docs" / f"{name}.md").read_text()


def section(text: str, heading: str) -> str:
    """What stands below the ``heading`` of the second level."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def blocks(path: Path) -> Iterator[str]:
    """What is indented by four blanks, in its order: commands, programs, what is printed."""
    for found in re.finditer(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+", path.read_text()):
        yield re.sub(r"^ {4}", "", found[0], flags=re.MULTILINE)


def snippets(path: Path) -> list[str]:
    """The Python programs in it."""
    return re.findall(r"```python\n(.*?)```", path.read_text(), flags=re.DOTALL)
