"""The folders of runs: each run has one, where it is kept and found again. Plain objects."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import re
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import platformdirs

from actors.worker.keeper import (
    EXIT,
    KEEPER,
    NAMESPACE,
    OLDER,
    OUTPUT,
    SOCKET,
    end_of,
    fields_of,
    identity,
    namespace,
    open_folder,
    replace_fields,
)
from actors.worker.outputs.summary import RunSummary, summary_of_tail

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

JOURNAL: Final = "run.jsonl"
"""The run's journal."""

MARKER: Final = "run.json"
"""What was started, and where: ``RunFacts``. A folder without it is not a run's."""

LIVE: Final = "live.json"
"""Which worker runs it, and where; it is removed when that one ends."""

SUMMARY: Final = "summary.json"
"""The run in short: ``RunSummary``; written now and then, and at its end."""

LIVES: Final = 600.0
"""Seconds after a run's last sign of life for which another machine, or another container of the
same one, takes it for one that lives."""

LAST: Final = "last"
"""The name that stands for the newest run."""

_SOCKETS: Final = ("control", "progress")
_NAME: Final = re.compile(r"\d{8}-\d{6}-[A-Za-z0-9._-]{1,64}-\d+")
_OURS: Final = frozenset(
    (
        *(JOURNAL, LIVE, EXIT, KEEPER, OUTPUT, SOCKET, SUMMARY),
        *(f"{name}.new" for name in (JOURNAL, MARKER, LIVE, EXIT, KEEPER, SUMMARY)),
    )
)


class RunsError(Exception):
    """The runs cannot be read or written; the message is human-readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a run is; ``slurm`` tells a job that SLURM starts again from others."""

    began: float
    host: str
    command: tuple[str, ...] = ()
    folder: str = ""
    title: str = ""
    epochs: int | None = None
    checkpoint_folders: tuple[str, ...] = ()
    slurm: tuple[str, ...] = ()
    attempts: int = 1

    def is_same_job(self, other: RunFacts) -> bool:
        """Whether ``other`` is the same job of SLURM, started again."""
        mine, its = ((facts.slurm, facts.folder, facts.command) for facts in (self, other))
        return bool(self.slurm) and mine == its


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run's folder."""

    folder: Path
    facts: RunFacts

    @property
    def name(self) -> str:
        """Its name, by which it is found again."""
        return self.folder.name

    @property
    def journal(self) -> Path:
        """Its journal's file."""
        return self.folder / JOURNAL

    @property
    def live(self) -> dict[str, Any]:
        """What its worker has said of itself."""
        return fields_of(self.folder / LIVE)

    @property
    def is_here(self) -> bool:
        """Whether its processes are, or were, on this machine, and in no other container of it."""
        if self.facts.host != os.uname().nodename:
            return False
        told = (fields_of(self.folder / name).get(NAMESPACE) for name in (LIVE, KEEPER))
        return next(filter(None, told), namespace()) == namespace()

    @property
    def has_ended(self) -> bool:
        """Whether it is known how its training has ended."""
        return end_of(self.folder) is not None

    @property
    def lives(self) -> bool:
        """Whether its worker, its keeper or its training runs, as far as that is known."""
        if not self.is_here:
            return time.time() - self._last_sign(LIVE, KEEPER, JOURNAL, OUTPUT) < LIVES
        kept = fields_of(self.folder / KEEPER)
        return (
            self.has_worker
            or _runs(kept.get("keeper_pid"), kept.get("keeper"))
            or _runs(kept.get("trainer_pid"), kept.get("trainer"))
        )

    @property
    def has_worker(self) -> bool:
        """Whether its worker runs, as far as that is known."""
        if not self.is_here:
            return time.time() - self._last_sign(LIVE) < LIVES
        live = self.live
        return _runs(live.get("pid"), live.get("worker"))

    @property
    def runs_alone(self) -> bool:
        """Whether its training runs, and its worker does not."""
        return self.lives and not self.has_worker

    @property
    def has_training(self) -> bool:
        """Whether a keeper has started its training."""
        return (self.folder / KEEPER).exists()

    @property
    def trainer(self) -> int | None:
        """The process that its keeper has started."""
        pid = fields_of(self.folder / KEEPER).get("trainer_pid")
        return pid if isinstance(pid, int) else None

    @property
    def summary(self) -> RunSummary:
        """It in short; blocks for the time that its disk takes."""
        known = RunSummary.of(fields_of(self.folder / SUMMARY))
        return known or summary_of_tail(self.journal)

    def write_summary(self, summary: RunSummary) -> None:
        """Keep it in short. Raises OSError."""
        _write(self.folder / SUMMARY, summary.fields())

    def _last_sign(self, *names: str) -> float:
        signs = [0.0]
        for name in names:
            try:
                signs.append((self.folder / name).stat().st_mtime)
            except OSError:
                continue
        return max(signs)

    def write_live(self, **fields: Any) -> None:
        """Say what its worker is. Raises OSError."""
        pid = os.getpid()
        host = os.uname().nodename
        own = {"host": host, "pid": pid, "worker": identity(pid), NAMESPACE: namespace()}
        _write(self.folder / LIVE, {**own, **fields})

    def give_sign(self) -> None:
        """Its worker lives: another machine sees that by the file's time. Raises OSError."""
        with _opened(self.folder) as place:
            os.utime(LIVE, dir_fd=place, follow_symlinks=False)

    def end_live(self) -> None:
        """Its worker ends. Raises OSError."""
        with _opened(self.folder) as place, suppress(FileNotFoundError):
            os.unlink(LIVE, dir_fd=place)

    def remove_empty(self) -> None:
        """Remove it, unless its training has been started. Raises OSError."""
        if not self.has_training:
            _remove(self.folder)

    def further_attempt(self) -> Run:
        """The same run, whose training is started once more. Raises OSError."""
        facts = dataclasses.replace(
            self.facts, attempts=self.facts.attempts + 1, host=os.uname().nodename
        )
        _write(self.folder / MARKER, dataclasses.asdict(facts))
        return dataclasses.replace(self, facts=facts)


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
        for name in filter(_NAME.fullmatch, names):
            run = _run_in(self.folder / name)
            if run is not None:
                yield run

    def find(self, name: str) -> Run:
        """The run of this name, or number in their list, or the last one. Raises RunsError."""
        if _NAME.fullmatch(name):
            run = _run_in(self.folder / name)
            if run is not None:
                return run
        elif name == LAST or name.isdecimal():
            number = "1" if name == LAST else name
            for at, run in enumerate(self, start=1):
                if str(at) == number:
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
            run = _run_in(file.parent) if _NAME.fullmatch(file.parent.name) else None
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
        _write(folder / MARKER, dataclasses.asdict(facts))
        return Run(folder=folder, facts=facts)

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
            total += _size(run.folder)
            if (at > count or total > size) and run.folder != but and not run.lives:
                try:
                    _remove(run.folder)
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


def _runs(pid: object, who: object) -> bool:
    return isinstance(pid, int) and bool(who) and identity(pid) == who


def _run_in(folder: Path) -> Run | None:
    """The run in ``folder``; None when that is none of ours."""
    try:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return None
        if not stat.S_ISREG((folder / MARKER).lstat().st_mode):
            return None
    except OSError:
        return None
    fields = fields_of(folder / MARKER)
    try:
        epochs = fields.get("epochs")
        facts = RunFacts(
            began=float(fields["began"]),
            host=_text(fields["host"]),
            command=_texts(fields.get("command", [])),
            folder=_text(fields.get("folder", "")),
            title=_text(fields.get("title", "")),
            epochs=None if epochs is None else int(epochs),
            checkpoint_folders=_texts(fields.get("checkpoint_folders", [])),
            slurm=_texts(fields.get("slurm", [])),
            attempts=int(fields.get("attempts", 1)),
        )
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return Run(folder=folder, facts=facts) if math.isfinite(facts.began) else None


def _text(value: object) -> str:
    """``value`` as an argument or a path that there can be. Raises TypeError or ValueError."""
    if not isinstance(value, str):
        raise TypeError
    if b"\0" in value.encode(errors="surrogateescape"):
        raise ValueError
    return value


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError
    return tuple(map(_text, values))


def _write(path: Path, fields: dict[str, Any]) -> None:
    """Write ``fields``, as ``replace_fields`` does, in a folder that is not a link."""
    with _opened(path.parent) as place:
        replace_fields(place, path.name, fields)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """The descriptor of ``folder``, which may not be a link. Raises OSError."""
    place = open_folder(str(folder))
    try:
        yield place
    finally:
        os.close(place)


def _size(folder: Path) -> int:
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass
    return total


def _remove(folder: Path) -> None:
    """Remove a run's files and, if nothing else is in it, its folder. Raises OSError."""
    with _opened(folder) as place:
        for name in os.listdir(place):  # noqa: PTH208 - of the very folder that was opened
            if name in _OURS or OLDER.fullmatch(name):
                os.unlink(name, dir_fd=place)
        if set(os.listdir(place)) <= {MARKER}:  # noqa: PTH208
            os.unlink(MARKER, dir_fd=place)
            folder.rmdir()
