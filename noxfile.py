"""The tasks of whoever changes this project: ``nox -l`` lists them, ``nox -s unit`` runs one.

They run in the environment that nox is installed in, but for ``pythons``: nothing is built twice,
and no network is needed. What is behind ``--`` goes to pytest or the benchmarks, as in
``nox -s unit -- -k wire``.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "unit"]
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"

PYTHON = sys.executable

VERSIONS = re.findall(
    r"^ +Programming Language :: Python :: (3\.\d+)$",
    Path(__file__).with_name("setup.cfg").read_text(),
    flags=re.MULTILINE,
)
"""Those of Python that this is for."""

ROOMS = [
    *("tests/messages", "tests/runtime", "tests/zmq_sockets", "tests/progress_listener"),
    *("tests/control_socket", "tests/client_channel", "tests/supervisor", "tests/reporter"),
    *("tests/worker/digest", "tests/worker/notices", "tests/worker/outputs"),
    *("tests/worker/trainer", "tests/worker/viewer", "tests/worker/test_run_worker.py"),
]
"""The tests that coverage is measured by: those of the rooms, and of ``run_worker.py``. Measured,
all tests take minutes more than CI has."""

PARTS = {
    "`messages`": "messages/",
    "`actors/worker`": "actors/worker/",
    "`actors` without `actors/worker`": "actors/",
    "`run_worker.py`": "run_worker.py",
}
"""What the figures are of, by how the paths of its files begin; the first that fits counts."""


@nox.session
def lint(session: nox.Session) -> None:
    """Format, and the rules of ruff.toml."""
    session.run(PYTHON, "-m", "ruff", "format", "--check", ".")
    session.run(PYTHON, "-m", "ruff", "check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types: of the code strictly, of the tests less so."""
    session.run(PYTHON, "-m", "mypy")


@nox.session
def unit(session: nox.Session) -> None:
    """Test what needs no socket, process or browser: less than a minute."""
    _pytest(session, "-m", "unit")


@nox.session(python=VERSIONS, venv_backend="venv", reuse_venv=True)
def pythons(session: nox.Session) -> None:
    """Test the same in each Python that is found, in an environment of its own."""
    session.install("--quiet", "--editable", ".[test]")
    session.run("python", "-m", "pytest", "-m", "unit", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Test everything but what takes long: up to nine minutes."""
    _pytest(session)


@nox.session
def faults(session: nox.Session) -> None:
    """Break the whole chain in real processes, one fault a test."""
    _pytest(session, "tests/faults")


@nox.session
def nightly(session: nox.Session) -> None:
    """Test for a night: each moment for a signal, a soak, 100,000 examples for each property."""
    _pytest(session, "-m", "nightly")
    _pytest(session, "-m", "soak")
    _pytest(session, "-m", "hypothesis", "--hypothesis-profile", "nightly")


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure lines and branches by the tests of the rooms, or by those behind ``--``."""
    folder = Path(session.create_tmp())
    for old in folder.glob("data*"):
        old.unlink()
    session.env["COVERAGE_FILE"] = str(folder / "data")
    # The hook that coverage has at Python's start measures pytest itself, and what that starts.
    measured = {"COVERAGE_PROCESS_START": str(Path("setup.cfg").resolve())}
    # This task measures, and "tests" is the one that says what fails.
    session.run(
        PYTHON, "-m", "pytest", *(session.posargs or ROOMS), env=measured, success_codes=[0, 1]
    )
    session.run(PYTHON, "-m", "coverage", "combine", "--quiet", str(folder))
    session.run(PYTHON, "-m", "coverage", "report")
    figures = folder / "figures.json"
    session.run(PYTHON, "-m", "coverage", "json", "--quiet", "-o", str(figures))
    for line in _by_part(json.loads(figures.read_text())["files"]):
        print(line)  # noqa: T201 - what the task is for


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the chain beside other reporters: two minutes, unless options are behind ``--``."""
    session.run(PYTHON, "-m", "benchmarks", *(session.posargs or ["--quick"]))


def _pytest(session: nox.Session, *arguments: str, **variables: str) -> None:
    session.run(PYTHON, "-m", "pytest", *arguments, *session.posargs, env=variables)


def _by_part(files: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    """The rows of CONTRIBUTING.md, of what coverage says of each file."""
    counts = {part: Counter[str]() for part in PARTS}
    for path, figures in files.items():
        part = next(part for part, begins in PARTS.items() if path.startswith(begins))
        counts[part].update({name: int(number) for name, number in figures["summary"].items()})
    for part, count in counts.items():
        row = [
            f"{100 * count[covered] / max(count[all_], 1):.1f} % of {count[all_]:,}"
            for covered, all_ in (
                ("covered_lines", "num_statements"),
                ("covered_branches", "num_branches"),
            )
        ]
        yield f"| {part} | {row[0]} | {row[1]} |"
