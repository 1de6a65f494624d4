"""Who is at the other end of a connection, and who should be.

What both sockets' actors, and the supervisor, take and tell of it.
"""

import time
from dataclasses import dataclass, field
from typing import Final

_NAMED: Final = 3
"""Processes that a sentence names; a trainer on several GPUs has as many."""


OCCUPIED: Final = "end it, or use another address"
"""What can be done where a stranger reports to an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A process that has connected; what the system does not tell is None or empty.

    Of several processes that hold the connection, as the forks of a DataLoader do, it is the one
    that was started first. ``started`` is in seconds since the epoch, ``user`` the number of the
    connection's user. ``kin`` are the numbers of all processes that hold it, of their ancestors
    and of their sessions.
    """

    pid: int | None = None
    name: str = ""
    started: float | None = None
    user: int | None = None
    kin: frozenset[int] = field(default=frozenset(), repr=False, compare=False)

    def __str__(self) -> str:
        """``process 4711, python, started 12:03``."""
        if self.pid is None:
            of_whom = "" if self.user is None else f" of user {self.user}"
            return f"a process{of_whom} that the system does not name"
        since = "" if self.started is None else f", started {_clock(self.started)}"
        return f"process {self.pid}, {self.name}{since}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowTrainer:
    """The trainer is the process ``pid``, or one that it has started or will start.

    As long as it is not told, it is one that this process starts. Tell it before ``StartReporting``
    if no trainer has been started: then whoever reports to the progress address at the end of the
    connect wait is a stranger unless it is of this tree, also if the system does not tell who it
    is. Tell it when a trainer has been started: whoever has joined by then, and is known to be of
    another tree, is a stranger. With None the trainer may be any process, and nobody is a stranger.
    It holds for one job.
    """

    pid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangerConnected:
    """``peer`` has joined the socket at ``address``, and is not of the training.

    What it reports is mixed in, and it hears each command. Told once a job for each process, and of
    100 of them at most.
    """

    peer: Peer
    address: str


def in_words(peers: tuple[Peer, ...]) -> str:
    """The first few, and how many more: ``process 4711, python, started 12:03; and 2 more``."""
    words = [str(peer) for peer in peers[:_NAMED]]
    more = len(peers) - _NAMED
    return "; ".join(words) + (f"; and {more} more" if more > 0 else "")


def reporting_to(address: str | None, peers: tuple[Peer, ...]) -> str:
    """``process 4711, python, started 12:03, reports to tcp://127.0.0.1:9001``."""
    verb = "reports" if len(peers) == 1 else "report"
    return f"{in_words(peers)}, {verb} to {address}"


def _clock(seconds: float) -> str:
    """The time of day, with the date unless it is today's."""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%Y-%m-%d %H:%M", then)
