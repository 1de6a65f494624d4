"""The progress listener: its actor, the SUB socket, the run's log."""

from actors.progress_listener.actor import ENDED, ParentEvent, ProgressListenerActor, spawn
from actors.progress_listener.log import ProgressLog
from actors.progress_listener.socket import Drained, ProgressSocket

__all__ = [
    "ENDED",
    "Drained",
    "ParentEvent",
    "ProgressListenerActor",
    "ProgressLog",
    "ProgressSocket",
    "spawn",
]
