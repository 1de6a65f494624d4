"""Keeping: where a run is kept, and which earlier part it goes on with.

Whatever is wrong with it is a warning: no file stands between a user and the training.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from actors.worker.bounded import within
from actors.worker.outputs import (
    JournalError,
    Run,
    RunFacts,
    Runs,
    is_requeued,
    open_journal,
    read_journal,
    slurm_job,
)
from messages import StateChanged, decode_event

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST: Final = 100
"""Entries of a journal in which its run says which command it runs."""


@dataclass(slots=True, kw_only=True)
class Keeping:
    """How a run is kept; what that is, is found out here one by one.

    ``record`` and ``journal`` are the open files to write it to, the one in its folder, which is
    ``run``, the other the user's own. It goes on with the run in the journal ``earlier``: as
    another attempt, or, if it is ``adopted``, with the training of ``run``, which another worker
    has started; ``has_ended`` says that its end is known. ``alone`` is another run, whose training
    has lost its worker and reports to the addresses of this one.
    """

    run: Run | None = None
    record: IO[str] | None = None
    journal: IO[str] | None = None
    earlier: Path | None = None
    adopted: bool = False
    has_ended: bool = False
    alone: Run | None = None
    warnings: list[str] = field(default_factory=list)


def facts_of(
    command: tuple[str, ...], *, title: str, epochs: int | None, folders: tuple[Path, ...]
) -> RunFacts:
    """What is known of a run that begins here and now."""
    here = _here()
    return RunFacts(
        began=time.time(),
        host=os.uname().nodename,
        command=command,
        folder=here,
        title=title,
        epochs=epochs,
        checkpoint_folders=tuple(str(Path(here, folder)) for folder in folders),
        slurm=slurm_job(),
    )


def _here() -> str:
    """The folder in which the worker runs; empty when somebody has removed it."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def keep(
    facts: RunFacts,
    *,
    runs: Runs | None,
    journal: Path | None,
    adopts: bool,
    others: tuple[Runs, ...] = (),
    addresses: tuple[str, ...] = (),
) -> Keeping:
    """Keep the run that begins; with ``adopts`` its training runs already.

    ``journal`` is the file that somebody wants it to be written to. Where the file system does not
    answer, the run is not kept. Among ``others`` may be one that is alone at its ``addresses``:
    a socket that is bound there would take its reports. With ``adopts`` that is the one meant.
    """

    def kept() -> Keeping:
        alone = (one.alone_at(*addresses) for one in others)
        keeping = Keeping(alone=next(filter(None, alone), None))
        if keeping.alone is None or not adopts:
            _keep(keeping, facts, runs, journal, adopts=adopts)
        return keeping

    places = dict.fromkeys((runs and runs.folder, *(one.folder for one in others), journal))
    where = " or ".join(str(one) for one in places if one is not None)
    try:
        return within(kept, where=where)
    except OSError as error:
        return Keeping(warnings=[f"the run is not kept: {error}"])


def _keep(
    keeping: Keeping, facts: RunFacts, runs: Runs | None, journal: Path | None, *, adopts: bool
) -> None:
    if runs is not None:
        _begin(keeping, runs, facts)
    if journal is not None:
        _add_journal(keeping, journal, lambda: adopts or _title_of(journal) == facts.title)


def keep_on(run: Run, *, journal: Path | None) -> Keeping:
    """Go on with ``run``, whose worker has gone. Raises JournalError when another worker does."""
    keeping = Keeping(
        run=run,
        record=open_journal(run.journal),
        earlier=run.journal,
        adopted=True,
        has_ended=run.has_ended,
    )
    if journal is not None:
        _add_journal(keeping, journal, lambda: _title_of(journal) == run.facts.title)
    return keeping


def _begin(keeping: Keeping, runs: Runs, facts: RunFacts) -> None:
    before = runs.attempt_before(facts) if is_requeued() else None
    try:
        if before is not None:
            try:
                keeping.record = open_journal(before.journal)
                keeping.run, keeping.earlier = before.further_attempt(), before.journal
                return
            except JournalError as error:
                keeping.warnings.append(f"{error}; the earlier attempt is left as it is")
        keeping.run = runs.begin(facts)
        keeping.record = open_journal(keeping.run.journal)
    except (OSError, JournalError) as error:
        keeping.warnings.append(f"the run is not kept: {error}")


def _add_journal(keeping: Keeping, path: Path, is_same: Callable[[], bool]) -> None:
    try:
        file = open_journal(path)
    except JournalError as error:
        keeping.warnings.append(f"{error}: the run is not written there")
        return
    holds_run = path.is_file() and path.stat().st_size > 0
    if holds_run and not is_same():
        file.close()
        keeping.warnings.append(f"{path} holds another run: this one is not written there")
        return
    keeping.journal = file
    if holds_run and keeping.earlier is None:
        keeping.earlier = path


def _title_of(journal: Path) -> str | None:
    """The command of the run in ``journal``."""
    for entry in islice(read_journal(journal), _FIRST):
        event = decode_event(entry.text)
        if isinstance(event, StateChanged) and event.title:
            return event.title
    return None
