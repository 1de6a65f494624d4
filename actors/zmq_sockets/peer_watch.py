"""PeerWatch: finds out who has joined a socket, and who of them is a stranger.

To look up a process takes milliseconds, so it has a thread of its own, on which all is done that
its methods ask for, in their order; all but ``ask`` may be called from any thread.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from actors.runtime import reply
from actors.zmq_sockets.peers import find_peer
from actors.zmq_sockets.strangers import Strangers
from messages import Peer, PeersFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.zmq_sockets.connections import Connection
    from messages import Mailbox

log = logging.getLogger(__name__)

PAUSE: Final = 0.02
"""Seconds from a handshake to the look-up: a trainer's first reports have the time to themselves,
and who is gone again by then is not looked up. Shorter than the settle time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Who has joined by ``connection``, and whether it is a stranger; told again when that changes.

    The connection may have ended meanwhile.
    """

    connection: Connection
    peer: Peer
    is_stranger: bool


class PeerWatch:
    """Tells a ``Verdict`` of each connection that has joined."""

    def __init__(
        self, verdicts: Mailbox[Verdict], *, name: str, trainers: frozenset[int | None]
    ) -> None:
        self._verdicts = verdicts
        self._strangers = Strangers(trainers)
        self._told: dict[Connection, bool] = {}
        self._any = False
        self._hurry = threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def changed(self, connections: Iterable[Connection]) -> None:
        """Each of ``connections`` has joined, or has left."""
        for connection in connections:
            self._any = True
            self._submit(partial(self._change, connection))

    def know(self, pid: int | None) -> None:
        """See ``Strangers.know``."""
        self._submit(partial(self._strangers.know, pid))

    def forget(self) -> None:
        """See ``Strangers.forget``."""
        self._submit(self._strangers.forget)

    def ask(self, reply_to: Mailbox[PeersFound]) -> None:
        """Answer who has joined so far; called on the thread that calls ``changed``."""
        if self._any:
            self._hurry.set()
        if not self._any or not self._submit(partial(self._answer, reply_to)):
            reply(reply_to, PeersFound())

    def close(self) -> None:
        """Tell no more. Idempotent."""
        self._hurry.set()
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
            self._tell_changes()
        except Exception:
            log.exception("who has joined is not known")

    def _change(self, connection: Connection) -> None:
        self._hurry.wait(max(0.0, connection.joined_at + PAUSE - time.monotonic()))
        if connection.is_open:
            self._strangers.add(connection, _peer_of(connection))
        else:
            self._strangers.remove(connection)
            self._told.pop(connection, None)

    def _tell_changes(self) -> None:
        for connection, peer in self._strangers.peers.items():
            is_stranger = self._strangers.is_stranger(connection)
            if self._told.get(connection) is not is_stranger:
                self._told[connection] = is_stranger
                verdict = Verdict(connection=connection, peer=peer, is_stranger=is_stranger)
                self._verdicts.tell(verdict)

    def _answer(self, reply_to: Mailbox[PeersFound]) -> None:
        self._hurry.clear()
        peers = dict.fromkeys(self._strangers.peers.values())
        reply(reply_to, PeersFound(peers=tuple(peers)))


def _peer_of(connection: Connection) -> Peer:
    if connection.ends is None:
        return Peer()
    try:
        return find_peer(connection.ends)
    except Exception as error:  # what a system tells may be anything
        log.debug("who has joined is not known: %r", error)
        return Peer()
