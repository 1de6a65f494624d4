"""What shows and keeps a run: the terminal, the journal, clients in-process."""

from actors.worker.outputs.escapes import plain
from actors.worker.outputs.journal import (
    JournalError,
    check_journal,
    open_journal,
    read_journal,
)
from actors.worker.outputs.journal import spawn as spawn_journal
from actors.worker.outputs.local_channel import LocalChannel
from actors.worker.outputs.local_client import LocalClient
from actors.worker.outputs.terminal import consoles
from actors.worker.outputs.terminal import spawn as spawn_terminal

__all__ = [
    "JournalError",
    "LocalChannel",
    "LocalClient",
    "check_journal",
    "consoles",
    "open_journal",
    "plain",
    "read_journal",
    "spawn_journal",
    "spawn_terminal",
]
