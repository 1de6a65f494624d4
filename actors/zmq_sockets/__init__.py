"""What both ZeroMQ sockets need: binding, who is connected, the monitor."""

from actors.zmq_sockets.binding import Bound, NotBoundError, bind, port_of, why_not_open
from actors.zmq_sockets.connections import (
    ConnectionEvent,
    Connections,
    monitor_of,
    receive_event,
    switch_off,
)
from actors.zmq_sockets.monitor import SocketMonitor
from actors.zmq_sockets.processes import who_listens_at

__all__ = [
    "Bound",
    "ConnectionEvent",
    "Connections",
    "NotBoundError",
    "SocketMonitor",
    "bind",
    "monitor_of",
    "port_of",
    "receive_event",
    "switch_off",
    "who_listens_at",
    "why_not_open",
]
