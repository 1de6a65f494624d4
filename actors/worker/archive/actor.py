"""The archive's actor: reads the runs that are kept, and nothing else of the disk.

It runs on a thread of its own, one request after the other: a journal is read in a second, and a
file system may take longer.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from actors.runtime import ThreadActor, reply, starter
from actors.worker.digest import Digest, packed_json
from actors.worker.outputs import OUTCOMES, RunsError, state_of
from actors.worker.reading import read_object
from messages import ArchiveMessage, EpochsTaken, GetEpochs, GetRuns, RunsTaken

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from actors.worker.outputs import Run, Runs
    from messages import ChildDown, Mailbox

RUNS_LISTED: Final = 200
"""The newest ones: as many as are kept by default."""

BYTES_READ: Final = 1024**3
"""Of a journal: what a run may take on the disk by default."""

LINE_BYTES: Final = 1024 * 1024
"""Of an entry that tells of an epoch."""

_EPOCHS: Final = re.compile(
    rb'\\"event\\":\s*\\"(train_begin|train_end|epoch_begin|epoch_end|attempt|epoch|state)\\"'
)
"""The entries that tell of epochs, as a journal has them: JSON in JSON."""

_Inbox: TypeAlias = ArchiveMessage


class ArchiveActor(ThreadActor[ArchiveMessage]):
    """Takes ``ArchiveMessage``; of ``runs`` all but the one that is shown, ``shown``."""

    name = "archive"

    def __init__(self, *, parent: Mailbox[ChildDown], runs: Runs, shown: str = "") -> None:
        super().__init__()
        self.parent = parent
        self._runs, self._shown = runs, shown

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case GetRuns():
                reply(message.reply_to, RunsTaken(json=json.dumps(self._listed()).encode()))
            case GetEpochs():
                reply(message.reply_to, EpochsTaken(packed=self._epochs(message.name)))
            case _:
                assert_never(message)

    def _listed(self) -> list[dict[str, Any]]:
        found = []
        for run in self._runs:
            if run.name != self._shown:
                found.append(_in_short(run))
            if len(found) == RUNS_LISTED:
                break
        return found

    def _epochs(self, name: str) -> bytes | None:
        try:
            run = self._runs.find(name)
            if run.name != name:  # a number, which is another run's tomorrow
                return None
            return packed_json(_digest_of(run.journal).json())
        except (RunsError, OSError):
            return None


def _in_short(run: Run) -> dict[str, Any]:
    """What tells it from others; no address, and no token."""
    summary = run.summary
    return {
        "name": run.name,
        "began": run.facts.began,
        "title": run.facts.title,
        "host": run.facts.host,
        "outcome": state_of(run, summary),
        "lives": summary.outcome not in OUTCOMES and run.lives,
        "epochs": summary.epochs,
        "best_loss": summary.best_loss,
    }


def _digest_of(journal: Path) -> Digest:
    """Its entries that tell of epochs. Raises OSError, also for what is no file of its own."""
    digest, left = Digest(), BYTES_READ
    descriptor = os.open(journal, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        position = 0
        while left > 0 and (line := file.readline(LINE_BYTES)):
            left -= len(line)
            if not _EPOCHS.search(line):
                continue
            fields = read_object(line)
            message, time = fields.get("message"), fields.get("time")
            if isinstance(message, str) and isinstance(time, int | float):
                position += 1
                digest.add(position, float(time), message)
    return digest


spawn = starter(ArchiveActor)
