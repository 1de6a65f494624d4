"""The control socket: its actor, and what may be published."""

from actors.control_socket.actor import GONE, ControlSocketActor, spawn
from actors.control_socket.commands import StopInForce

__all__ = [
    "GONE",
    "ControlSocketActor",
    "StopInForce",
    "spawn",
]
