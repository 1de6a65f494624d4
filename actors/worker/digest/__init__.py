"""The digest: all of a run at once, for whoever comes late."""

from actors.worker.digest.actor import spawn
from actors.worker.digest.digest import Digest, packed_json

__all__ = ["Digest", "packed_json", "spawn"]
