"""The digest: all of a run at once, for whoever comes late."""

from actors.worker.digest.actor import DigestActor, spawn
from actors.worker.digest.digest import Digest, packed_json

__all__ = ["Digest", "DigestActor", "packed_json", "spawn"]
