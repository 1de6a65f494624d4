"""Notices: what of a run is told to a command of the user's, and kept of it in short."""

from actors.worker.notices.actor import spawn
from actors.worker.notices.notifier import Notifier

__all__ = ["Notifier", "spawn"]
