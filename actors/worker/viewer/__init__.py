"""The viewers' page: its server, authorization, connections."""

from actors.worker.viewer.access import Access, is_loopback, new_token, own_names
from actors.worker.viewer.actor import spawn
from actors.worker.viewer.server import ViewerSettings

__all__ = [
    "Access",
    "ViewerSettings",
    "is_loopback",
    "new_token",
    "own_names",
    "spawn",
]
