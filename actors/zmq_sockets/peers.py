"""Which process is at the other end of a connection, as far as the system tells, and whose it is.

``ends_of`` and ``has_spoken`` take microseconds. ``find_peer`` and ``kinship_of`` take
milliseconds, so they are not for an event loop's thread.
"""

from __future__ import annotations

import enum
import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actors.zmq_sockets.processes import kin_of, plain, process, users_of, who_is_connected
from messages import Peer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.zmq_sockets.processes import Address

_RECEIVED: Final = slice(128, 136)
"""``tcpi_bytes_received`` in Linux's ``struct tcp_info``."""


ROOT: Final = 0
"""A user that may act for any other: ``sudo`` and containers run as it."""


class Kinship(enum.Enum):
    """How who has joined is related to the trainer."""

    OURS = enum.auto()
    """The trainer, or started by it."""
    OTHER = enum.auto()
    """Known to be of another process tree, or of another user."""
    UNKNOWN = enum.auto()
    """The system does not tell, or the trainer may be anybody."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The addresses of both ends of a TCP connection."""

    peer: Address
    own: Address


def ends_of(descriptor: int) -> Ends | None:
    """Both ends of an accepted connection; None when it is gone, or not a TCP connection."""
    try:
        with _looked_at(descriptor) as accepted:
            if accepted.family not in (socket.AF_INET, socket.AF_INET6):
                return None
            peer, own = accepted.getpeername(), accepted.getsockname()
    except OSError:
        return None
    return Ends(peer=(plain(peer[0]), peer[1]), own=(plain(own[0]), own[1]))


def has_spoken(descriptor: int) -> bool:
    """Whether anything has come over the connection; True where the system does not tell."""
    try:
        with _looked_at(descriptor) as accepted:
            info = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.stop)
    except (OSError, AttributeError):
        return True
    return info[_RECEIVED] != bytes(8)


def find_peer(ends: Ends) -> Peer:
    """The process at the other end; what the system does not tell is not in it."""
    user, pids = who_is_connected(ends.peer, ends.own)
    holders = [found for found in map(process, pids) if found is not None]
    if not holders:
        return Peer(user=user)
    first = min(holders, key=lambda holder: (holder.started, holder.pid))
    return Peer(pid=first.pid, name=first.name, started=first.started, user=user, kin=kin_of(pids))


def kinship_of(peer: Peer, trainers: frozenset[int | None]) -> Kinship:
    """How ``peer`` is related to this process's tree and those of ``trainers``.

    With None they are anybody.
    """
    if None in trainers:
        return Kinship.UNKNOWN
    roots = {os.getpid(), *(pid for pid in trainers if pid is not None)}
    if peer.kin & roots:
        return Kinship.OURS
    if peer.pid is not None or _is_foreign(peer.user, roots):
        return Kinship.OTHER
    return Kinship.UNKNOWN


def _is_foreign(user: int | None, roots: set[int]) -> bool:
    """Whether ``user`` is another one than those of the trees of ``roots``, and not root."""
    if user is None or user == ROOT:
        return False
    if hasattr(os, "geteuid") and user == os.geteuid():
        return False
    return user not in users_of(roots)


@contextmanager
def _looked_at(descriptor: int) -> Iterator[socket.socket]:
    """A descriptor of libzmq's as a socket, which is left as it is. Raises OSError."""
    looked_at = socket.socket(fileno=descriptor)
    try:
        yield looked_at
    finally:
        looked_at.detach()
