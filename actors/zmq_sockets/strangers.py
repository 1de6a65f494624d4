"""Strangers: which of those who have joined a socket are not of the training. A plain object."""

from __future__ import annotations

import enum
import logging
import os
from typing import TYPE_CHECKING, Final

from actors.zmq_sockets.processes import users_of

if TYPE_CHECKING:
    from actors.zmq_sockets.connections import Connection
    from messages import Peer

log = logging.getLogger(__name__)

ROOT: Final = 0
"""A user that may act for any other: ``sudo`` and containers run as it."""

REMEMBERED: Final = 1000
"""Strangers that are remembered; beyond, the first of them is forgotten."""


class Kinship(enum.Enum):
    """How who has joined is related to the trainer."""

    OURS = enum.auto()
    """The trainer, or started by it."""
    OTHER = enum.auto()
    """Known to be of another process tree, or of another user."""
    UNKNOWN = enum.auto()
    """The system does not tell, or the trainer may be anybody."""


class Strangers:
    """Judges by the process trees of this process and of ``trainers``.

    Who is known to be of another tree is a stranger if it has joined before a trainer is told of,
    or as soon as one of these trees has joined, and stays one. Everybody else is trusted: behind
    sudo, in a container or on another system the trainer may be in no tree that can be seen. With
    None among ``trainers`` nobody is a stranger.
    """

    def __init__(self, trainers: frozenset[int | None] = frozenset()) -> None:
        self._trainers = trainers
        self.peers: dict[Connection, Peer] = {}
        """Who has joined."""
        self._kinship: dict[Connection, Kinship] = {}
        self._found: dict[Peer | Connection, None] = {}

    def is_stranger(self, connection: Connection) -> bool:
        """Whether who has joined by ``connection`` is not of the training."""
        is_ours = self._kinship[connection] is Kinship.OURS
        return not is_ours and self._key(connection) in self._found

    def add(self, connection: Connection, peer: Peer) -> None:
        """``peer`` has joined."""
        self.peers[connection] = peer
        self._kinship[connection] = kinship = kinship_of(peer, self._trainers)
        self._judge()
        if kinship is not Kinship.OURS and not self.is_stranger(connection):
            log.debug("%s is trusted: its kinship is %s", peer, kinship.name)

    def remove(self, connection: Connection) -> None:
        """It has left."""
        self.peers.pop(connection, None)
        self._kinship.pop(connection, None)

    def know(self, pid: int | None) -> None:
        """The trainer is, or has been started by, ``pid``; None when it may be anybody."""
        self._know(self._trainers | {pid})
        self._find_others()

    def forget(self) -> None:
        """The next trainer is another one."""
        self._know(frozenset())

    def _know(self, trainers: frozenset[int | None]) -> None:
        self._trainers = trainers
        if None in trainers:
            self._found.clear()
        self._kinship = {c: kinship_of(peer, self._trainers) for c, peer in self.peers.items()}
        self._judge()

    def _judge(self) -> None:
        if Kinship.OURS in self._kinship.values():
            self._find_others()

    def _find_others(self) -> None:
        for connection, kinship in self._kinship.items():
            if kinship is Kinship.OTHER:
                self._found[self._key(connection)] = None
                if len(self._found) > REMEMBERED:
                    del self._found[next(iter(self._found))]

    def _key(self, connection: Connection) -> Peer | Connection:
        """What is remembered of a stranger: the process, where it is known."""
        peer = self.peers[connection]
        return connection if peer.pid is None else peer


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
    """Whether ``user`` is another one than this process's and those of the trees of ``roots``.

    Root is none.
    """
    if user is None or user == ROOT:
        return False
    if hasattr(os, "geteuid") and user == os.geteuid():
        return False
    return user not in users_of(roots)
