"""Strangers: who has joined and is not of the training."""

import logging
import os
from collections.abc import Iterator

import pytest

from actors.zmq_sockets import Connection, ConnectionChanged, PeerWatch, Verdict, peer_watch
from actors.zmq_sockets.peer_watch import STRANGERS
from messages import Peer, PeersFound
from tests.support.probe import Probe

TRAINER = 1_000_001
ANOTHER = 1_000_002


def process(pid: int, *kin: int, user: int | None = None) -> Peer:
    """A process of these ancestors."""
    return Peer(pid=pid, name="python", started=1.0, user=user, kin=frozenset({pid, *kin}))


OURS = process(2_000_001, TRAINER)
OTHER = process(2_000_002, ANOTHER)
NOT_TOLD = Peer(user=os.geteuid())
FOREIGN = Peer(user=54321)
ROOTS = Peer(user=0)


class LookedUp(Connection):
    """A connection of ``peer``."""

    def __init__(self, peer: Peer) -> None:
        super().__init__(7)
        self.peer = peer


OPEN: list[PeerWatch] = []
"""What a test has made, to be closed at its end."""


class Joined:
    """A socket's peers, by name; ``trainers`` are known from its opening on."""

    def __init__(self, *trainers: int | None) -> None:
        self._verdicts: Probe[Verdict] = Probe()
        self.watch = PeerWatch(self._verdicts, name="strangers", trainers=frozenset(trainers))
        OPEN.append(self.watch)
        self._connections: dict[str, Connection] = {}
        self._strangers: dict[Connection, bool] = {}

    def add(self, **peers: Peer) -> "Joined":
        for name, peer in peers.items():
            self._connections[name] = connection = LookedUp(peer)
            self.watch.changed(ConnectionChanged(connection, has_left=False))
        self._barrier()
        return self

    def remove(self, name: str) -> None:
        connection = self._connections.pop(name)
        connection.is_open = False
        self.watch.changed(ConnectionChanged(connection, has_left=True))
        self._barrier()

    def found(self) -> set[str]:
        """The names of the strangers."""
        self._barrier()
        for verdict in self._verdicts.drain():
            self._strangers[verdict.connection] = verdict.is_stranger
        return {n for n, c in self._connections.items() if self._strangers[c]}

    def _barrier(self) -> None:
        """All that the watch was asked for has been done."""
        answers: Probe[PeersFound] = Probe()
        self.watch.ask(answers)
        answers.get()


@pytest.fixture(autouse=True)
def no_process_is_anybody_elses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(peer_watch, "users_of", lambda roots: frozenset())
    monkeypatch.setattr(peer_watch, "_peer_of", lambda connection: connection.peer)
    yield
    while OPEN:
        OPEN.pop().close()


@pytest.mark.parametrize("peer", [OTHER, FOREIGN])
def test_who_has_joined_before_the_training_was_started_is_a_stranger(peer: Peer) -> None:
    joined = Joined().add(early=peer, ours=OURS)
    joined.watch.know(TRAINER)
    assert joined.found() == {"early"}


@pytest.mark.parametrize("peer", [NOT_TOLD, ROOTS, Peer()])
def test_whom_the_system_does_not_tell_may_be_the_trainer_that_has_joined_at_once(
    peer: Peer,
) -> None:
    joined = Joined().add(behind_sudo=peer)
    joined.watch.know(TRAINER)
    assert joined.found() == set()


def test_who_comes_later_and_is_of_another_tree_is_one_as_soon_as_ours_has_joined() -> None:
    joined = Joined(TRAINER).add(other=OTHER)
    assert joined.found() == set()
    joined.add(ours=OURS)
    assert joined.found() == {"other"}
    joined.add(later=process(2_000_003))
    assert joined.found() == {"other", "later"}


def test_who_is_a_stranger_once_stays_one_when_ours_has_left_and_when_it_comes_again() -> None:
    joined = Joined(TRAINER).add(ours=OURS, other=OTHER)
    joined.remove("ours")
    assert joined.found() == {"other"}
    joined.remove("other")
    joined.add(again=OTHER)
    assert joined.found() == {"again"}


def test_of_another_tree_while_none_of_ours_is_connected_is_trusted() -> None:
    joined = Joined(TRAINER).add(ours=OURS)
    joined.remove("ours")
    joined.add(container=OTHER)
    assert joined.found() == set()


@pytest.mark.parametrize("peer", [NOT_TOLD, ROOTS, Peer()])
def test_whom_the_system_does_not_tell_is_trusted_with_a_line(peer: Peer, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        joined = Joined(TRAINER).add(ours=OURS, unknown=peer)
    assert joined.found() == set()
    assert f"{peer} is trusted: its kinship is UNKNOWN" in caplog.text


def test_another_users_process_is_of_another_tree() -> None:
    joined = Joined(TRAINER).add(foreign=FOREIGN)
    assert joined.found() == set()
    joined.add(ours=OURS)
    assert joined.found() == {"foreign"}


def test_a_user_of_our_tree_is_no_other_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_watch, "users_of", lambda roots: {54321} if TRAINER in roots else {})
    joined = Joined(TRAINER).add(ours=OURS, sudo=FOREIGN)
    assert joined.found() == set()


def test_a_fork_is_ours_if_any_holder_is() -> None:
    both = process(2_000_004, ANOTHER, TRAINER)
    assert Joined(TRAINER).add(ours=OURS, both=both).found() == set()


def test_as_long_as_no_trainer_is_known_it_is_one_that_this_process_starts() -> None:
    started_by_us = process(2_000_005, os.getpid(), user=54321)
    joined = Joined().add(other=OTHER, unknown=NOT_TOLD, root=ROOTS, foreign=FOREIGN)
    assert joined.found() == set()
    joined.add(ours=started_by_us)
    assert joined.found() == {"other", "foreign"}


def test_when_the_trainer_may_be_anybody_nobody_is_a_stranger() -> None:
    joined = Joined().add(foreign=FOREIGN, other=OTHER)
    joined.watch.know(None)
    assert joined.found() == set()
    joined.watch.know(TRAINER)
    joined.add(ours=OURS)
    assert joined.found() == set()


def test_several_trainers_are_known_one_after_another() -> None:
    joined = Joined(TRAINER).add(ours=OURS)
    joined.watch.know(ANOTHER)
    joined.add(other=OTHER)
    assert joined.found() == set()


def test_a_stranger_that_turns_out_to_be_a_trainer_is_none() -> None:
    joined = Joined(TRAINER).add(ours=OURS, other=OTHER)
    joined.watch.know(ANOTHER)
    assert joined.found() == set()


def test_the_next_training_has_another_trainer() -> None:
    joined = Joined(TRAINER).add(ours=OURS)
    joined.watch.forget()
    joined.watch.know(ANOTHER)
    assert joined.found() == {"ours"}


def test_strangers_that_are_remembered_are_bounded() -> None:
    joined = Joined(TRAINER).add(ours=OURS)
    for number in range(STRANGERS + 10):
        joined.add(other=process(3_000_000 + number))
        joined.remove("other")
    joined.add(ours_again=OURS)
    joined.remove("ours")
    joined.remove("ours_again")
    joined.add(first=process(3_000_000), last=process(3_000_000 + STRANGERS + 9))
    assert joined.found() == {"last"}
