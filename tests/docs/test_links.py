"""The README is one screen, and every link of the documents leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import DOCUMENTS, PAGES, README, section

LINES = 150
"""Of the README, at most."""


def prose(path: Path) -> str:
    """Its text without programs, in which a link is none."""
    return re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)


def links(path: Path) -> Iterator[str]:
    """What its links lead to, but for other sites."""
    for target in re.findall(r"\]\((\S+?)\)", prose(path)):
        if "://" not in target:
            yield target


def anchors(path: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_link_leads_to_a_file_and_a_heading_in_it(path: Path) -> None:
    for target in links(path):
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    assert len(README.read_text().splitlines()) <= LINES
    index = section(README.read_text(), "Where to read on")
    assert re.findall(r"^\| \[(docs/[\w-]+\.md)\]", index, flags=re.MULTILINE) != []
    assert {target for target in links(README) if target.endswith(".md")} >= {
        f"docs/{page.name}" for page in PAGES
    }


@pytest.mark.parametrize("option", ["--journal", "--replay", "--runs", "--keep-open"])
def test_what_everybody_needs_comes_before_ssh(option: str) -> None:
    text = README.read_text()
    assert 0 < text.find(option) < text.lower().find("ssh")


def test_each_page_has_one_title() -> None:
    for path in DOCUMENTS:
        assert len(re.findall(r"^# ", prose(path), flags=re.MULTILINE)) == 1, path
