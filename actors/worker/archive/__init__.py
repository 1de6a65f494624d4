"""The archive: the runs that are kept, for whoever compares them with the one that is shown."""

from actors.worker.archive.actor import spawn

__all__ = ["spawn"]
