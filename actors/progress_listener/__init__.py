"""The progress listener: its actor, the SUB socket, the run's log."""

from actors.progress_listener.actor import (
    ENDED,
    PACE,
    PATIENCE,
    STREAK,
    ParentEvent,
    ProgressListenerActor,
    spawn,
)
from actors.progress_listener.log import ProgressLog

__all__ = [
    "ENDED",
    "PACE",
    "PATIENCE",
    "STREAK",
    "ParentEvent",
    "ProgressListenerActor",
    "ProgressLog",
    "spawn",
]
