"""The digest: all of a run at once, for whoever comes late."""

from actors.worker.digest.actor import DigestActor, spawn

__all__ = ["DigestActor", "spawn"]
