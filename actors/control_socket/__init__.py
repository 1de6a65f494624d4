"""The control socket: its actor, and the stop in force that outlives it."""

from actors.control_socket.actor import GONE, ControlSocketActor, ParentEvent, spawn
from actors.control_socket.commands import StopInForce

__all__ = ["GONE", "ControlSocketActor", "ParentEvent", "StopInForce", "spawn"]
