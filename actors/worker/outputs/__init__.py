"""What shows and keeps a run: the terminal, the journal, clients in-process."""

from actors.worker.outputs.escapes import coloured, plain
from actors.worker.outputs.journal import JournalError, open_journal, read_journal
from actors.worker.outputs.local_channel import LocalChannel
from actors.worker.outputs.local_client import LocalClient
from actors.worker.outputs.terminal import WorkerConsole

__all__ = [
    "JournalError",
    "LocalChannel",
    "LocalClient",
    "WorkerConsole",
    "coloured",
    "open_journal",
    "plain",
    "read_journal",
]
