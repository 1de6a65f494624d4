"""The control socket: its actor, and what may be published."""

from actors.control_socket.actor import GONE, ControlSocketActor, spawn

__all__ = [
    "GONE",
    "ControlSocketActor",
    "spawn",
]
