"""KnownTrainers: who the job's trainer is, as the host tells, and who else has come.

A plain object on the supervisor's thread.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from actors.runtime import reply
from messages import OCCUPIED

if TYPE_CHECKING:
    from messages import Mailbox, OwnerEvent, Peer, StrangerConnected

log = logging.getLogger(__name__)

ADOPTED: Final = "or tell KnowTrainer(pid=None) before the start to report it"

TOLD: Final = 100
"""The owner is told of so many strangers of a job: a program that restarts in a loop is many."""


class KnownTrainers:
    """Is told ``KnowTrainer``; it holds until ``forget``, at the job's end."""

    def __init__(self, owner: Mailbox[OwnerEvent]) -> None:
        self._owner = owner
        self._told: set[Peer] = set()
        self.pids: frozenset[int | None] = frozenset()
        """Processes that are, or start, the trainer, besides this one; with None among them it may
        be any process."""

    def know(self, pid: int | None) -> None:
        """The trainer is ``pid``, or is started by it."""
        self.pids |= {pid}

    def forget(self) -> None:
        """The next job's trainer is another one."""
        self.pids = frozenset()
        self._told.clear()

    @property
    def may_be_anybody(self) -> bool:
        """Whether nobody is a stranger."""
        return None in self.pids

    @property
    def instead(self) -> str:
        """What can be done when a stranger reports to the address."""
        return OCCUPIED if self.pids else f"{OCCUPIED}, {ADOPTED}"

    def stranger_came(self, event: StrangerConnected) -> None:
        """A stranger has come while the job is reported."""
        if event.peer in self._told or len(self._told) >= TOLD:
            return
        self._told.add(event.peer)
        log.warning("%s has connected to %s: it is not the trainer", event.peer, event.address)
        reply(self._owner, event)
