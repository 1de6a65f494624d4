"""ControlSocketActor: who has joined and is not the trainer."""

import logging
import os
import threading
from pathlib import Path

import pytest

from actors.zmq_sockets import peer_watch
from messages import (
    AwaitNextTrainer,
    ControlHeld,
    ControlPublished,
    ControlReply,
    KnowTrainer,
    Peer,
    StrangerConnected,
    TrainerConnected,
    TrainerDisconnected,
)
from tests.support.control_rig import SETTLE, ControlRig
from tests.support.probe import Probe
from tests.support.strangers import NOBODY, listener_at, needs_root, orphan
from tests.support.trainer import StandInTrainer
from tests.support.waiting import settled


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    """What a stranger has heard."""
    return tmp_path / "heard"


def know(rig: ControlRig, pid: int | None = os.getpid()) -> None:
    rig.ref.tell(KnowTrainer(pid=pid))


def pids(reply: ControlReply) -> list[int | None]:
    assert isinstance(reply, ControlHeld | ControlPublished)
    return [peer.pid for peer in reply.others]


def published(rig: ControlRig) -> list[int | None]:
    """Who else hears what is published now."""
    reply = rig.publish().get()
    assert isinstance(reply, ControlPublished)
    return pids(reply)


def held(rig: ControlRig) -> tuple[list[int | None], Probe[ControlReply]]:
    """Who alone could hear what is published now; the mailbox for what becomes of it."""
    replies = rig.publish()
    reply = replies.get()
    assert isinstance(reply, ControlHeld)
    return pids(reply), replies


def test_the_owner_hears_which_process_the_trainer_is(rig: ControlRig) -> None:
    with StandInTrainer(control_address=rig.open()):
        connected = rig.parent.get()
    assert isinstance(connected, TrainerConnected)
    assert connected.pid == os.getpid()


def test_a_stranger_that_comes_later_is_named_and_is_no_news_of_the_trainer(
    rig: ControlRig, heard: Path
) -> None:
    address = rig.open()
    know(rig)
    with StandInTrainer(control_address=address) as trainer:
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        assert published(rig) == []
        with orphan(*listener_at(address, heard)) as pid:
            event = rig.parent.get()
            assert isinstance(event, StrangerConnected)
            assert (event.peer.pid, event.address) == (pid, address)
            assert published(rig) == [pid]
        assert settled(lambda: published(rig) == [])  # it has left
        assert trainer.command() == "STOP"
    rig.parent.expect(TrainerDisconnected())


def test_who_was_there_before_the_training_does_not_hear_its_stop(
    rig: ControlRig, heard: Path
) -> None:
    address = rig.open()
    with orphan(*listener_at(address, heard)) as pid:
        rig.parent.expect(TrainerConnected())  # nobody has said who the trainer is
        rig.clock.advance(SETTLE)
        know(rig)
        assert isinstance(rig.parent.get(), StrangerConnected)
        rig.parent.expect(TrainerDisconnected())
        others, replies = held(rig)
        assert others == [pid]
        rig.clock.advance(10 * SETTLE)
        rig.barrier()
        assert replies.drain() == []
        assert not heard.read_text()
        with StandInTrainer(control_address=address) as trainer:
            connected = rig.parent.get()
            assert isinstance(connected, TrainerConnected)
            assert connected.pid == os.getpid()
            rig.barrier()
            rig.clock.advance(SETTLE)
            assert pids(replies.get()) == [pid]
            assert trainer.command() == "STOP"


def test_another_tree_is_the_trainer_until_one_of_ours_has_joined(
    rig: ControlRig, heard: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = rig.open()
    know(rig)
    with caplog.at_level(logging.DEBUG), orphan(*listener_at(address, heard)) as pid:
        taken_for_it = rig.parent.get()
        assert isinstance(taken_for_it, TrainerConnected)
        assert taken_for_it.pid == pid
        assert f"process {pid}, " in caplog.text
        assert "is trusted: its kinship is OTHER" in caplog.text
        rig.clock.advance(SETTLE)
        assert published(rig) == []
        with StandInTrainer(control_address=address):
            events = [rig.parent.get() for _ in range(3)]
            assert isinstance(events[0], StrangerConnected)
            assert events[1:] == [TrainerDisconnected(), TrainerConnected()]
            assert events[2].pid == os.getpid()
        rig.parent.expect(TrainerDisconnected())
        assert held(rig)[0] == [pid]


def test_when_the_trainer_may_be_anybody_it_is(rig: ControlRig, heard: Path) -> None:
    address = rig.open()
    with orphan(*listener_at(address, heard)):
        rig.parent.expect(TrainerConnected())
        know(rig, None)
        with StandInTrainer(control_address=address):
            rig.barrier()
            rig.clock.advance(SETTLE)
            assert published(rig) == []
    rig.parent.expect(TrainerDisconnected())


def test_whom_the_system_does_not_tell_is_trusted(
    rig: ControlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_watch, "find_peer", lambda ends: Peer())
    address = rig.open()
    know(rig)
    with StandInTrainer(control_address=address):
        connected = rig.parent.get()
        assert isinstance(connected, TrainerConnected)
        assert connected.pid is None
        rig.clock.advance(SETTLE)
        assert published(rig) == []


def test_a_look_up_that_does_not_end_holds_no_command_back(
    rig: ControlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(peer_watch, "find_peer", lambda ends: let_go.wait() and Peer())
    address = rig.open()
    with StandInTrainer(control_address=address) as trainer:
        _, replies = held(rig)
        assert settled(lambda: rig.clock.waiting(SETTLE))
        rig.clock.advance(SETTLE)
        rig.parent.expect(TrainerConnected())
        replies.expect(ControlPublished())
        assert trainer.command() == "STOP"
    let_go.set()


def test_one_that_leaves_before_it_is_looked_up_has_come_and_left(
    rig: ControlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(peer_watch, "find_peer", lambda ends: let_go.wait() and Peer())
    with StandInTrainer(control_address=rig.open()):
        assert settled(lambda: rig.clock.waiting(SETTLE))
    rig.parent.expect(TrainerConnected())
    rig.parent.expect(TrainerDisconnected())
    let_go.set()


@needs_root
def test_another_users_program_is_none_as_soon_as_ours_has_joined(
    rig: ControlRig, heard: Path
) -> None:
    address = rig.open()
    with StandInTrainer(control_address=address):
        rig.wait_for_trainer()
        rig.clock.advance(SETTLE)
        with orphan(*listener_at(address, heard, str(NOBODY))) as pid:
            event = rig.parent.get()
            assert isinstance(event, StrangerConnected)
            assert event.peer.user == NOBODY
            assert published(rig) == [pid]


def test_the_next_job_has_another_trainer(rig: ControlRig, heard: Path) -> None:
    address = rig.open()
    know(rig)
    with StandInTrainer(control_address=address):
        rig.wait_for_trainer()
        rig.ref.tell(AwaitNextTrainer())
        rig.parent.expect(TrainerDisconnected())
    with orphan(*listener_at(address, heard)) as pid:
        connected = rig.parent.get()
        assert isinstance(connected, TrainerConnected)
        assert connected.pid == pid
        know(rig, pid)
        rig.barrier()
        rig.clock.advance(SETTLE)
        assert published(rig) == []
