"""PeerWatch: finds out who has joined a socket, and who of them is a stranger.

To look up a process takes milliseconds, so it has a thread of its own, on which all is done that
its methods ask for, in their order.
"""

from __future__ import annotations

import enum
import logging
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from actors.runtime import OneThread, reply
from actors.zmq_sockets.processes import find_peer, users_of
from messages import Peer, PeersFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.zmq_sockets.connections import Connection, ConnectionChanged
    from messages import Mailbox

log = logging.getLogger(__name__)

STRANGERS: Final = 1000
"""Strangers that are remembered; beyond, the first of them is forgotten."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Who has joined by ``connection``, and whether it is a stranger; told again when that changes.

    The connection may have ended meanwhile.
    """

    connection: Connection
    peer: Peer
    is_stranger: bool


@dataclass(slots=True)
class _Known:
    """Who is there, and what was told last of whether it is a stranger."""

    peer: Peer
    kinship: Kinship
    told: bool | None = None


class PeerWatch:
    """Tells a ``Verdict`` of each connection that has joined.

    It judges by the process trees of this process and of ``trainers``. Who is known to be of
    another tree is a stranger if it has joined before a trainer is told of, or as soon as one of
    these trees has joined, and stays one. Everybody else is trusted: behind sudo, in a container or
    on another system the trainer may be in no tree that can be seen. With None among ``trainers``
    nobody is a stranger.
    """

    def __init__(
        self, verdicts: Mailbox[Verdict], *, name: str, trainers: frozenset[int | None]
    ) -> None:
        self._verdicts = verdicts
        self._trainers = trainers
        self._joined: dict[Connection, _Known] = {}
        self._strangers: dict[Peer | Connection, None] = {}
        """Those that have been found, each by its process, where that is known."""
        self._thread = OneThread(name)

    def changed(self, change: ConnectionChanged) -> None:
        """Somebody has joined, or has left."""
        self._submit(partial(self._change, change.connection))

    def know(self, pid: int | None) -> None:
        """The trainer is, or has been started by, ``pid``; None when it may be anybody."""
        self._submit(lambda: self._judge_by(self._trainers | {pid}, were_early=True))

    def forget(self) -> None:
        """The next trainer is another one."""
        self._submit(lambda: self._judge_by(frozenset()))

    def ask(self, reply_to: Mailbox[PeersFound]) -> None:
        """Answer who has joined so far."""
        if not self._submit(partial(self._answer, reply_to)):
            reply(reply_to, PeersFound())

    def close(self) -> None:
        """Tell no more. Idempotent."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _submit(self, act: Callable[[], None]) -> bool:
        try:
            self._thread.submit(self._do, act)
        except RuntimeError:  # it is closed
            return False
        return True

    def _do(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            log.exception("who has joined is not known")

    def _change(self, connection: Connection) -> None:
        if connection.is_open:
            peer = _peer_of(connection)
            self._joined[connection] = _Known(peer, kinship_of(peer, self._trainers))
            self._judge()
        else:
            self._joined.pop(connection, None)

    def _judge_by(self, trainers: frozenset[int | None], *, were_early: bool = False) -> None:
        self._trainers = trainers
        if None in trainers:
            self._strangers.clear()
        for joined in self._joined.values():
            joined.kinship = kinship_of(joined.peer, trainers)
        self._judge(were_early=were_early)

    def _judge(self, *, were_early: bool = False) -> None:
        """Tell what has changed; ``were_early`` says that all have joined before a trainer."""
        ours = any(joined.kinship is Kinship.OURS for joined in self._joined.values())
        for connection, joined in self._joined.items():
            peer, kinship = joined.peer, joined.kinship
            key = connection if peer.pid is None else peer
            if kinship is Kinship.OTHER and (ours or were_early):
                self._strangers[key] = None
                if len(self._strangers) > STRANGERS:
                    del self._strangers[next(iter(self._strangers))]
            is_stranger = kinship is not Kinship.OURS and key in self._strangers
            if joined.told is is_stranger:
                continue
            joined.told = is_stranger
            if not is_stranger and kinship is not Kinship.OURS:
                log.debug("%s is trusted: its kinship is %s", peer, kinship.name)
            verdict = Verdict(connection=connection, peer=peer, is_stranger=is_stranger)
            self._verdicts.tell(verdict)

    def _answer(self, reply_to: Mailbox[PeersFound]) -> None:
        peers = {joined.peer: joined.kinship for joined in self._joined.values()}
        told = self._trainers and None not in self._trainers
        strange = (Kinship.OTHER, Kinship.UNKNOWN) if told else (Kinship.OTHER,)
        strangers = tuple(peer for peer, kinship in peers.items() if kinship in strange)
        reply(reply_to, PeersFound(peers=tuple(peers), strangers=strangers))


def _peer_of(connection: Connection) -> Peer:
    if connection.ends is None:
        return Peer()
    try:
        return find_peer(connection.ends)
    except Exception as error:  # what a system tells may be anything
        log.debug("who has joined is not known: %r", error)
        return Peer()


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
