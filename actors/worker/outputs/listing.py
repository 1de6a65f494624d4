"""The list of the runs that are kept, as ``--runs`` prints it. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.worker.keeper import end_of
from actors.worker.outputs.ending import OUTCOMES
from actors.worker.outputs.escapes import plain
from actors.worker.outputs.runs import RunsError
from actors.worker.outputs.words import loss_words, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.worker.outputs.run_folder import Run
    from actors.worker.outputs.runs import Runs
    from actors.worker.outputs.summary import RunSummary

_ROW: Final = "{:>4}  {:<16}  {:<13}  {:>9}  {:>10}  {}"
_INDENT: Final = " " * 6


def state_of(run: Run, summary: RunSummary) -> str:
    """How the run has ended, or that it lives, in words."""
    if summary.outcome:
        return OUTCOMES.get(summary.outcome) or plain(summary.outcome)
    if run.has_worker:
        return "runs"
    if run.runs_alone:
        return "runs alone"
    end = end_of(run.folder)
    if end is None:
        return "not known"
    if end.cancelled:
        return "cancelled"
    return "finished" if end.returncode == 0 else "failed"


def lines_of(runs: Runs) -> Iterator[str]:
    """The lines of the list, the newest run first. Raises RunsError."""
    if runs.folder.exists() and not runs.folder.is_dir():
        raise RunsError(f"{runs.folder} is no folder")
    yield f"runs in {runs.folder}"
    alone, number = False, 0
    for number, run in enumerate(runs, start=1):
        if number == 1:
            yield _ROW.format("", "began", "outcome", "epochs", "best loss", "run")
        summary = run.summary
        state = state_of(run, summary)
        alone = alone or state == "runs alone"
        total = summary.total or run.facts.epochs
        epochs = f"{summary.epochs}" if total is None else f"{summary.epochs}/{total}"
        best = loss_words(summary.best_loss)
        yield _ROW.format(number, moment(run.facts.began), state, epochs, best, run.name)
        yield f"{_INDENT}{plain(run.facts.title)}, on {plain(run.facts.host)}"
        link = run.live.get("link")
        if isinstance(link, str) and run.has_worker:
            yield f"{_INDENT}{plain(link)}"
    if number == 0:
        yield "no run is kept there yet; those of the embedded trainer are not listed"
    if alone:
        yield "what runs alone has lost its worker: --adopt=RUN goes on with it"
