"""What shows and keeps a run: the terminal, the journal, clients in-process."""

from typing import TYPE_CHECKING

from actors.lazy_door import lazy_door
from actors.worker.outputs.ending import OUTCOMES
from actors.worker.outputs.escapes import plain
from actors.worker.outputs.journal import (
    JournalCap,
    JournalError,
    check_journal,
    open_journal,
    read_journal,
    read_texts,
)
from actors.worker.outputs.journal import spawn as spawn_journal
from actors.worker.outputs.listing import lines_of, state_of
from actors.worker.outputs.live import LiveFile
from actors.worker.outputs.local_channel import LocalChannel
from actors.worker.outputs.run_folder import LIVES, Run, RunFacts
from actors.worker.outputs.runs import Runs, RunsError, is_requeued, runs_folder, slurm_job
from actors.worker.outputs.summary import Follower, RunSummary
from actors.worker.outputs.terminal import consoles, leave_stdout
from actors.worker.outputs.terminal import spawn as spawn_terminal
from actors.worker.outputs.words import loss_words

if TYPE_CHECKING:
    from actors.worker.outputs.local_client import LocalClient

__all__ = [
    "LIVES",
    "OUTCOMES",
    "Follower",
    "JournalCap",
    "JournalError",
    "LiveFile",
    "LocalChannel",
    "LocalClient",
    "Run",
    "RunFacts",
    "RunSummary",
    "Runs",
    "RunsError",
    "check_journal",
    "consoles",
    "is_requeued",
    "leave_stdout",
    "lines_of",
    "loss_words",
    "open_journal",
    "plain",
    "read_journal",
    "read_texts",
    "runs_folder",
    "slurm_job",
    "spawn_journal",
    "spawn_terminal",
    "state_of",
]

__getattr__ = lazy_door(__name__, {"local_client": ("LocalClient",)})  # aiortc takes half a second
