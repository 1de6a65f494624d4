"""ProgressListenerActor: who has joined, and what is held until it is known whose it is."""

import os
import socket
from dataclasses import replace
from typing import Any

import pytest

from messages import (
    AcceptReports,
    ChildDown,
    FindPeers,
    KnowTrainer,
    ListeningStarted,
    Peer,
    PeersFound,
    ProgressCounts,
    ProgressSocketMade,
    StrangerConnected,
)
from tests.support.addresses import port_of
from tests.support.event_loop import LoopThread
from tests.support.listener_rig import ListenerRig, listener_rig
from tests.support.strangers import orphan, reporting_at
from tests.support.texts import reports
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE, settled


@pytest.fixture
def rig(loop_thread: LoopThread):
    with listener_rig(loop_thread) as rig:
        yield rig


def start(rig: ListenerRig, **fields: Any) -> str:
    started = rig.ref.ask(
        lambda reply_to: replace(rig.start_message(reply_to), **fields), timeout=PATIENCE
    )
    assert isinstance(started, ListeningStarted), started
    assert isinstance(rig.parent.get(), ProgressSocketMade)
    return started.address


def peers(rig: ListenerRig) -> tuple[Peer, ...]:
    found: PeersFound = rig.ref.ask(lambda reply_to: FindPeers(reply_to=reply_to), timeout=PATIENCE)
    return found.peers


def test_who_has_joined_is_found(rig: ListenerRig) -> None:
    assert peers(rig) == ()
    address = start(rig)
    assert peers(rig) == ()
    with StandInTrainer(progress_address=address), StandInTrainer(progress_address=address):
        (peer,) = peers(rig)
        assert peer.pid == os.getpid()
    assert settled(lambda: peers(rig) == ())
    rig.stop()
    assert peers(rig) == ()


def test_a_connection_without_a_handshake_has_not_joined(rig: ListenerRig) -> None:
    address = start(rig)
    silent = socket.create_connection(("127.0.0.1", port_of(address)))
    with silent, orphan(*reporting_at(address)) as pid:
        assert settled(lambda: peers(rig))
        assert [peer.pid for peer in peers(rig)] == [pid]


def test_what_is_held_is_read_when_it_is_the_jobs_in_its_order(rig: ListenerRig) -> None:
    address = start(rig, hold=True)
    with StandInTrainer(progress_address=address) as trainer:
        trainer.send(*reports(300))
        peers(rig)  # polls go on
        assert rig.counts() == ProgressCounts()
        rig.ref.tell(AcceptReports())
        trainer.send(*reports(5, first=300))
        assert rig.read(305) == reports(305)
    assert rig.stop().counts.received == 305


def test_what_is_held_is_no_more_than_the_log_could_keep(loop_thread: LoopThread) -> None:
    with listener_rig(loop_thread, log_limit=100) as rig:
        address = rig.ref.ask(
            lambda reply_to: replace(rig.start_message(reply_to), hold=True), timeout=PATIENCE
        ).address
        held = rig.parent.get().close.__self__.received
        with StandInTrainer(progress_address=address) as trainer:
            trainer.send(*reports(1_000))
            assert settled(lambda: held and held[-1][0] == reports(1_000)[-1])
            assert settled(lambda: len(held) == 200)  # 100 in each of its stores


def test_what_is_held_when_listening_ends_is_dropped_without_a_wait_for_more(
    rig: ListenerRig,
) -> None:
    address = start(rig, hold=True)
    with orphan(*reporting_at(address, "send-every:0.001")) as pid:
        assert settled(lambda: [peer.pid for peer in peers(rig)] == [pid])
        assert rig.stop().counts == ProgressCounts()
    assert len(rig.log) == 0


def test_what_is_held_at_a_crash_is_dropped(rig: ListenerRig) -> None:
    address = start(rig, hold=True)
    with StandInTrainer(progress_address=address) as trainer:
        trainer.send(*reports(300))
        assert settled(lambda: len(peers(rig)) == 1)
        rig.ref.tell(object())
        rig.parent.wait_for(ChildDown)
    assert len(rig.log) == 0


def test_a_stranger_that_comes_later_is_told_with_its_address(rig: ListenerRig) -> None:
    address = start(rig, trainers=frozenset({os.getpid()}))
    with StandInTrainer(progress_address=address), orphan(*reporting_at(address)) as pid:
        event = rig.parent.get()
        assert isinstance(event, StrangerConnected)
        assert (event.peer.pid, event.address) == (pid, address)
    assert rig.parent.drain() == []


def test_who_was_there_before_the_training_is_a_stranger(rig: ListenerRig) -> None:
    address = start(rig)
    with orphan(*reporting_at(address)) as pid:
        assert settled(lambda: peers(rig))
        rig.ref.tell(KnowTrainer(pid=os.getpid()))
        event = rig.parent.get()
        assert isinstance(event, StrangerConnected)
        assert event.peer.pid == pid
        rig.end_job()  # the next job may have another trainer
        rig.ref.tell(KnowTrainer(pid=pid))
        assert rig.parent.drain() == []
