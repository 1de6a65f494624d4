"""What both ZeroMQ sockets need: binding, who is connected, the monitor."""

from actors.zmq_sockets.binding import (
    Bound,
    NotBoundError,
    bind,
    port_of,
    who_listens_at,
    why_not_open,
)
from actors.zmq_sockets.connections import (
    ConnectionEvent,
    Connections,
    monitor,
    receive_event,
    switch_off,
)
from actors.zmq_sockets.monitor import SocketMonitor

__all__ = [
    "Bound",
    "ConnectionEvent",
    "Connections",
    "NotBoundError",
    "SocketMonitor",
    "bind",
    "monitor",
    "port_of",
    "receive_event",
    "switch_off",
    "who_listens_at",
    "why_not_open",
]
