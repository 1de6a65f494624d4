"""Trainers: who has joined the control socket, and who of them is the trainer. A plain object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from messages import Peer, TrainerConnected, TrainerDisconnected

if TYPE_CHECKING:
    from actors.zmq_sockets import Connection, Verdict


@dataclass(eq=False, slots=True)
class Joined:
    """What is known of one that has joined."""

    peer: Peer | None = None
    """None until it has been looked up."""
    is_stranger: bool = False
    is_over: bool = False
    """Whether it has left, or belongs to a training that is over."""
    is_settled: bool = False
    """Whether commands reach it."""
    is_served: bool = False
    """Whether it has been sent what waited for it."""

    @property
    def is_trusted(self) -> bool:
        """Whether it counts as the trainer."""
        return self.peer is not None and not self.is_stranger and not self.is_over

    def give_up(self) -> None:
        """Trust it if it has not been looked up by now."""
        self.peer = self.peer or Peer()


class Trainers:
    """Several connections, as a multi-GPU trainer makes them, are one trainer while any is left."""

    def __init__(self) -> None:
        self._joined: dict[Connection, Joined] = {}
        self._counted: list[Joined] = []
        """Those for which a trainer counts as connected, as of the last ``changes``."""

    # What happens to a connection

    def join(self, connection: Connection) -> Joined:
        """It has completed its handshake."""
        self._joined[connection] = joined = Joined()
        return joined

    def judge(self, verdict: Verdict) -> None:
        """It has been looked up, or is judged otherwise than before."""
        joined = self._joined.get(verdict.connection)
        if joined is not None:
            joined.peer, joined.is_stranger = verdict.peer, verdict.is_stranger

    def leave(self, connection: Connection) -> list[TrainerConnected | TrainerDisconnected]:
        """It is gone; what is to be told: it was there, even if it has not been looked up."""
        joined = self._joined.get(connection)
        if joined is None:
            return []
        joined.give_up()
        came = self.changes()
        joined.is_over = True
        del self._joined[connection]
        return came + self.changes()

    def await_next(self) -> None:
        """The training is over: who is there may be leaving, and the next trainer joins anew."""
        for joined in self._joined.values():
            joined.is_over = True

    def clear(self) -> None:
        """The socket is closed, and no trainer counts as connected any more."""
        self._joined.clear()

    # What comes of it

    @property
    def strangers(self) -> tuple[Peer, ...]:
        """Who hears a command too."""
        found = (joined.peer for joined in self._joined.values() if joined.is_stranger)
        return tuple(dict.fromkeys(peer for peer in found if peer is not None))

    @property
    def is_ready(self) -> bool:
        """Whether commands reach one that counts as the trainer."""
        return any(joined.is_served for joined in self._trusted())

    def serve(self) -> bool:
        """Whether one has become ready for commands, by its settling or by being looked up."""
        ready = [j for j in self._trusted() if j.is_settled and not j.is_served]
        for joined in ready:
            joined.is_served = True
        return bool(ready)

    def changes(self) -> list[TrainerConnected | TrainerDisconnected]:
        """What is to be told of the trainer.

        One that has not been looked up does not count as a trainer, but as long as it is there, a
        trainer that was connected still is.
        """
        before, trusted = self._counted, self._trusted()
        left = TrainerDisconnected()
        if trusted:
            self._counted = trusted
            joined = TrainerConnected(pid=next((j.peer.pid for j in trusted if j.peer), None))
            if not before:
                return [joined]
            # Who was taken for the trainer was none: the owner is to know of the right one.
            return [left, joined] if all(j.is_stranger for j in before) else []
        if before and not any(j.peer is None and not j.is_over for j in self._joined.values()):
            self._counted = []
            return [left]
        return []

    def _trusted(self) -> list[Joined]:
        return [joined for joined in self._joined.values() if joined.is_trusted]
