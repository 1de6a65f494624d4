"""The folders of runs: each run has one, where it is kept and found again. Plain objects."""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import platformdirs

from actors.worker.outputs.run_folder import LIVE, Run, RunFacts, run_in

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

LAST: Final = "last"
"""The name that stands for the newest run."""

_SOCKETS: Final = ("control", "progress")
_NAME: Final = re.compile(r"\d{8}-\d{6}-[A-Za-z0-9._-]{1,64}-\d+")


class RunsError(Exception):
    """The runs cannot be read or written; the message is human-readable."""


class Runs:
    """All runs below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __iter__(self) -> Iterator[Run]:
        """The newest first."""
        try:
            names = sorted((path.name for path in self.folder.iterdir()), reverse=True)
        except OSError:
            return
        yield from filter(None, map(self._named, names))

    def _named(self, name: str) -> Run | None:
        return run_in(self.folder / name) if _NAME.fullmatch(name) else None

    def find(self, name: str) -> Run:
        """The run of this name, or number in their list, or the last one. Raises RunsError."""
        number = "1" if name == LAST else name
        listed = (run for at, run in enumerate(self, start=1) if str(at) == number)
        run = self._named(name) or next(listed, None)
        if run is not None:
            return run
        what = "--runs lists them" if any(True for _ in self) else "none is kept there yet"
        raise RunsError(f"there is no run {name} in {self.folder}: {what}")

    def find_to_adopt(self, name: str) -> Run:
        """The same, to go on with: the last one is the newest that has lost its worker.

        What still runs comes first, and of that what runs here. Raises RunsError.
        """
        if name == LAST:
            lost = [run for run in self if run.live and run.has_training and not run.has_worker]
            if lost:
                return max(lost, key=lambda run: (run.lives, run.is_here))  # the first of equals
        return self.find(name)

    def alone_at(self, *addresses: str) -> Run | None:
        """The run here whose training runs alone and reports to one of ``addresses``."""
        asked = {_port(address) for address in addresses}
        try:
            lively = sorted(self.folder.glob(f"*/{LIVE}"), reverse=True)
        except OSError:
            return None
        for file in lively:
            run = self._named(file.parent.name)
            if run is None or not run.is_here or run.has_ended or not run.runs_alone:
                continue
            live = run.live
            if asked & {_port(str(live.get(f"{socket}_address"))) for socket in _SOCKETS}:
                return run
        return None

    def begin(self, facts: RunFacts) -> Run:
        """A folder for a run that begins. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        started = time.strftime("%Y%m%d-%H%M%S", time.localtime(facts.began))
        host = re.sub(r"[^A-Za-z0-9._-]", "_", facts.host)[:64] or "host"
        folder = self._new_folder(f"{started}-{host}", os.getpid())
        run = Run(folder=folder, facts=facts)
        run.write_facts()
        return run

    def _new_folder(self, name: str, number: int) -> Path:
        """A folder of this name and number, or a higher one: containers have equal numbers."""
        while True:
            folder = self.folder / f"{name}-{number}"
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                number += 1
            else:
                return folder

    def attempt_before(self, facts: RunFacts) -> Run | None:
        """The run of the same job of SLURM, unless it still lives here.

        SLURM starts a job again, on the same node or another one, when it has ended it.
        """
        for run in self:
            if run.facts.is_same_job(facts):
                return None if run.is_here and run.lives else run
        return None

    def tidy(self, *, count: int, size: int, but: Path | None = None) -> None:
        """Remove the oldest runs beyond ``count`` of them or ``size`` bytes; never one that lives.

        Of a folder only the files go that a run has.
        """
        total = 0
        for at, run in enumerate(list(self), start=1):
            total += run.size
            if (at > count or total > size) and run.folder != but and not run.lives:
                try:
                    run.remove()
                except OSError as error:
                    log.info("%s cannot be removed: %s", run.folder, error)


def runs_folder(*, demo: bool = False) -> Path:
    """Where the runs are by default; those of the embedded trainer have a folder of their own."""
    try:
        place = platformdirs.user_state_path("sleap-progress", False)
    except RuntimeError:  # the user has no home: as for containers, it is the root folder
        place = Path("/.local/state/sleap-progress")
    return place / ("demo" if demo else "runs")


def slurm_job() -> tuple[str, ...]:
    """What tells the job of SLURM in which the worker runs from others; empty outside of one.

    Of several workers that ``srun`` has started at once, each has a job of its own by that.
    """
    names = ("SLURM_CLUSTER_NAME", "SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_PROCID")
    values = tuple(os.environ.get(name, "") for name in names)
    return values if values[1] else ()


def is_requeued() -> bool:
    """Whether SLURM has started this job before."""
    return os.environ.get("SLURM_RESTART_COUNT", "0") not in ("", "0")


def _port(address: str) -> int | str:
    """What a trainer is told of ``address``."""
    try:
        return urlsplit(address).port or address
    except ValueError:
        return address
