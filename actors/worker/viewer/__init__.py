"""The viewers' page: its server, authorization, connections."""

from actors.worker.viewer.access import Access, host_name, new_token
from actors.worker.viewer.actor import spawn
from actors.worker.viewer.addresses import is_loopback, own_names, way_to
from actors.worker.viewer.files import page_with
from actors.worker.viewer.settings import ViewerSettings, session_of

__all__ = [
    "Access",
    "ViewerSettings",
    "host_name",
    "is_loopback",
    "new_token",
    "own_names",
    "page_with",
    "session_of",
    "spawn",
    "way_to",
]
