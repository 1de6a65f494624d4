"""ViewerSettings: where the page is served, and what it is told of that with ``/session``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actors.worker.viewer.connections import HEAD_TIMEOUT
from actors.worker.viewer.viewers import ALIVE_INTERVAL, MAX_VIEWERS
from messages import CANCEL_ORDER, EVENT_MARK, PAGES_PROTOCOL, PIECE_PREFIX, STOP_ORDER

if TYPE_CHECKING:
    from pathlib import Path

    from actors.worker.viewer.access import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerSettings:
    """Where the page is served, and to whom.

    ``port`` 0 takes a free one, and so does one that is in use with ``free_port_if_in_use``.
    ``title`` is the training's command, ``host_name`` this machine's.
    """

    access: Access
    host: str = "127.0.0.1"
    port: int = 8765
    free_port_if_in_use: bool = False
    ice_servers: tuple[str, ...] = ()
    certfile: Path | None = None
    keyfile: Path | None = None
    title: str = ""
    host_name: str = ""
    version: str = ""
    replay: bool = False
    alive_interval: float = ALIVE_INTERVAL
    head_timeout: float = HEAD_TIMEOUT
    max_viewers: int = MAX_VIEWERS


def session_of(
    settings: ViewerSettings, *, instance: str, may_control: bool, may_compare: bool = False
) -> dict[str, Any]:
    """What the page needs to know of the worker."""
    return {
        "instance": instance,
        "may_control": may_control,
        "may_compare": may_compare,
        "replay": settings.replay,
        "host": settings.host_name,
        "title": settings.title,
        "version": settings.version,
        "time": time.time(),
        "ice_servers": [{"urls": url} for url in settings.ice_servers],
        # What both sides know stands on this one alone.
        "wire": {
            "protocol": PAGES_PROTOCOL,
            "piece_prefix": PIECE_PREFIX,
            "event_mark": EVENT_MARK,
            "stop": STOP_ORDER,
            "cancel": CANCEL_ORDER,
            "alive_interval": settings.alive_interval,
        },
    }
