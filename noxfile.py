"""The tasks of whoever changes this project: ``nox -l`` lists them, ``nox -s unit`` runs one.

They run in the environment that nox is installed in: nothing is built twice, and no network is
needed. What is behind ``--`` goes to pytest or the benchmarks, as in ``nox -s unit -- -k wire``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "unit"]

PYTHON = sys.executable


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
    """Measure lines and branches, in every process that the tests start."""
    folder = Path(session.create_tmp())
    for old in folder.glob("data*"):
        old.unlink()
    session.env["COVERAGE_FILE"] = str(folder / "data")
    # The hook that coverage has at Python's start measures pytest itself, and what that starts.
    _pytest(session, COVERAGE_PROCESS_START=str(Path("setup.cfg").resolve()))
    session.run(PYTHON, "-m", "coverage", "combine", "--quiet", str(folder))
    session.run(PYTHON, "-m", "coverage", "report")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the chain beside other reporters: two minutes, unless options are behind ``--``."""
    session.run(PYTHON, "-m", "benchmarks", *(session.posargs or ["--quick"]))


def _pytest(session: nox.Session, *arguments: str, **variables: str) -> None:
    session.run(PYTHON, "-m", "pytest", *arguments, *session.posargs, env=variables)
