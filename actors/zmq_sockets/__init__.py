"""What both ZeroMQ sockets need: binding, who is connected, the monitor."""

from actors.zmq_sockets.binding import (
    Bound,
    NotBoundError,
    at_free_port,
    bind,
    port_of,
    why_not_open,
)
from actors.zmq_sockets.connections import (
    Connection,
    ConnectionChanged,
    Connections,
    ends_of,
    has_message,
)
from actors.zmq_sockets.monitor import SocketMonitor
from actors.zmq_sockets.peer_watch import PeerWatch, Verdict
from actors.zmq_sockets.processes import find_peer, is_address, who_listens_at

__all__ = [
    "Bound",
    "Connection",
    "ConnectionChanged",
    "Connections",
    "NotBoundError",
    "PeerWatch",
    "SocketMonitor",
    "Verdict",
    "at_free_port",
    "bind",
    "ends_of",
    "find_peer",
    "has_message",
    "is_address",
    "port_of",
    "who_listens_at",
    "why_not_open",
]
