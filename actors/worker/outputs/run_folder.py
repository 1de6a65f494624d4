"""Run: the folder of one run, what is in it, and what that says of the run. Plain objects."""

from __future__ import annotations

import dataclasses
import math
import os
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

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
    from pathlib import Path

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

_OURS: Final = frozenset(
    (
        *(JOURNAL, LIVE, EXIT, KEEPER, OUTPUT, SOCKET, SUMMARY),
        *(f"{name}.new" for name in (JOURNAL, MARKER, LIVE, EXIT, KEEPER, SUMMARY)),
    )
)


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
        self._write(SUMMARY, summary.fields())

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
        self._write(LIVE, {**own, **fields})

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
            self.remove()

    def further_attempt(self) -> Run:
        """The same run, whose training is started once more. Raises OSError."""
        facts = dataclasses.replace(
            self.facts, attempts=self.facts.attempts + 1, host=os.uname().nodename
        )
        attempt = dataclasses.replace(self, facts=facts)
        attempt.write_facts()
        return attempt

    def write_facts(self) -> None:
        """Say what it is: from here on its folder is a run's. Raises OSError."""
        self._write(MARKER, dataclasses.asdict(self.facts))

    @property
    def size(self) -> int:
        """The bytes of its files."""
        total = 0
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            pass
        return total

    def remove(self) -> None:
        """Remove its files and, if nothing else is in it, its folder. Raises OSError."""
        with _opened(self.folder) as place:
            for name in os.listdir(place):  # noqa: PTH208 - of the very folder that was opened
                if name in _OURS or OLDER.fullmatch(name):
                    os.unlink(name, dir_fd=place)
            if set(os.listdir(place)) <= {MARKER}:  # noqa: PTH208
                os.unlink(MARKER, dir_fd=place)
                self.folder.rmdir()

    def _write(self, name: str, fields: dict[str, Any]) -> None:
        """Write ``fields``, as ``replace_fields`` does, in a folder that is not a link."""
        with _opened(self.folder) as place:
            replace_fields(place, name, fields)


def _runs(pid: object, who: object) -> bool:
    return isinstance(pid, int) and bool(who) and identity(pid) == who


def run_in(folder: Path) -> Run | None:
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


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """The descriptor of ``folder``, which may not be a link. Raises OSError."""
    place = open_folder(str(folder))
    try:
        yield place
    finally:
        os.close(place)
