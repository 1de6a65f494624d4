"""The runs that the command line names: where they are, which one is meant, and their list.

It imports little: ``--runs`` answers at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actors.worker.bounded import pages, within
from actors.worker.command_line import PlanError
from actors.worker.options import RUNS_VARIABLE
from actors.worker.outputs import Runs, RunsError, lines_of, runs_folder

if TYPE_CHECKING:
    import argparse

LINES: Final = 20
"""Of the list that are asked for at once: each time takes a thread."""


def list_runs(options: argparse.Namespace) -> int:
    """Print the runs that are kept, the newest first; the exit code. Raises PlanError."""
    try:
        runs = runs_of(options)
        for page in pages(lines_of(runs), LINES, where=runs.folder):
            print(*page, sep="\n")  # noqa: T201 - it is what was asked for
        sys.stdout.flush()
    except RunsError as error:
        raise PlanError(str(error)) from error
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def runs_of(options: argparse.Namespace) -> Runs:
    """All runs that are kept, where ``options`` say."""
    if options.runs_folder:
        return Runs(Path(options.runs_folder).absolute())
    is_demo = not (
        options.command or options.adopts or options.replay or options.runs or options.export
    )
    return Runs(default_folder(demo=is_demo))


def default_folder(*, demo: bool = False) -> Path:
    """Where runs are kept if no option says where."""
    named = os.environ.get(RUNS_VARIABLE)
    return Path(named).absolute() if named else runs_folder(demo=demo)


def journal_of(options: argparse.Namespace, name: str) -> Path:
    """The journal of this name: a file, or that of a run that is kept. Raises PlanError."""
    path, runs = Path(name), runs_of(options)
    if path.suffix or len(path.parts) > 1 or within(path.exists, where=path.absolute()):
        return path
    try:
        return within(lambda: runs.find(name), where=runs.folder).journal
    except RunsError as error:
        raise PlanError(str(error)) from error
