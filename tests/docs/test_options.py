"""The options, exit codes and variables that the documents name are the program's."""

import argparse
import re

import pytest

from actors.worker.options import (
    DEFAULT_PORT,
    READ_ONLY_TOKEN_VARIABLE,
    RUNS_VARIABLE,
    TOKEN_VARIABLE,
    parser_of,
)
from actors.worker.outcome import EXIT_CANCELLED, EXIT_UNKNOWN
from actors.worker.signals import EXIT_INTERRUPTED, EXIT_LEFT
from actors.worker.standalone import EXIT_BROKEN, EXIT_NOT_STARTED
from benchmarks.__main__ import parser as benchmarks_parser
from tests.support.documents import DOCUMENTS, PAGES, README, page, section

ELSEWHERES = {
    **dict.fromkeys(("--quiet", "--editable"), "pip"),
    **dict.fromkeys(("--gres", "--time", "--signal"), "SLURM, Docker"),
    "--hypothesis-profile": "pytest",
    "--test": "node",
    "--strict": "mypy, tsc",
}
"""Options of other programs, which the documents name."""

WORDS = {
    "--port": rf"{DEFAULT_PORT}, or a free one where that is in use",
    "--token": rf"`\${TOKEN_VARIABLE}`, or random at each start",
    "--read-only-token": rf"`\${READ_ONLY_TOKEN_VARIABLE}`",
    "--runs-folder": rf"`\${RUNS_VARIABLE}`, or a folder of the user's state",
}
"""Defaults that are no values."""


def actions() -> dict[str, argparse.Action]:
    """The worker's options by their names."""
    return {
        action.option_strings[-1]: action
        for action in parser_of("run_worker.py", "")._actions
        if action.option_strings
    }


def written(default: object) -> str:
    """A default as the table writes it."""
    if default in (None, False, argparse.SUPPRESS) or default == []:
        return ""
    if isinstance(default, int) and default >= 1024**3:
        return f"{default // 1024**3}G"
    text = f"{default:g}" if isinstance(default, float) else str(getattr(default, "value", default))
    return f"`{text}`" if "//" in text else text


def test_the_table_has_every_option_with_its_default() -> None:
    rows = re.findall(
        r"^\| `(--[\w-]+)` \| (.*?) ?\| ", section(page("running"), "Options"), flags=re.MULTILINE
    )
    told = dict(rows)
    assert {*told} == {*actions()}
    for name, action in actions().items():
        words = WORDS.get(name)
        if words is None:
            assert told[name] == written(action.default), name
        else:
            assert re.fullmatch(words, told[name]), name


@pytest.mark.parametrize("path", [README, *PAGES], ids=lambda path: path.stem)
def test_every_option_that_is_named_exists(path) -> None:
    known = {*actions(), *ELSEWHERES}
    known |= {each for action in benchmarks_parser()._actions for each in action.option_strings}
    named = set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*(?![\w>-])", path.read_text()))
    assert named - known == set()


def test_the_exit_codes_are_the_programs() -> None:
    codes = re.findall(r"^\| (\d+) \|", section(page("running"), "Exit codes"), flags=re.MULTILINE)
    assert {int(code) for code in codes} == {
        EXIT_NOT_STARTED,
        EXIT_INTERRUPTED,
        EXIT_LEFT,
        EXIT_CANCELLED,
        EXIT_BROKEN,
        EXIT_UNKNOWN,
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_variable_that_is_named_is_read(path) -> None:
    named = set(re.findall(r"\bSLEAP_PROGRESS_\w+", path.read_text()))
    assert named <= {TOKEN_VARIABLE, READ_ONLY_TOKEN_VARIABLE, RUNS_VARIABLE}
