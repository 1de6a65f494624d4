"""The supervisor: the front door of the reporter, and the life of a report."""

from actors.supervisor.actor import SupervisorActor
from actors.supervisor.spawn import SupervisorRef, spawn_supervisor

__all__ = ["SupervisorActor", "SupervisorRef", "spawn_supervisor"]
