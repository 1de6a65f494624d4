"""Trainers: who of those that have joined can be sent a command."""

from actors.control_socket.trainers import Trainers
from actors.zmq_sockets import Connection, Verdict
from messages import Peer, TrainerConnected


def joined_and_judged(trainers: Trainers, descriptor: int, *, is_stranger: bool) -> Connection:
    connection = Connection(descriptor)
    trainers.join(connection).is_settled = True
    peer = Peer(pid=descriptor)
    trainers.judge(Verdict(connection=connection, peer=peer, is_stranger=is_stranger))
    return connection


def test_one_that_has_settled_and_has_been_looked_up_is_ready_once_it_is_served() -> None:
    trainers = Trainers()
    assert not trainers.is_ready
    joined_and_judged(trainers, 1, is_stranger=False)
    assert trainers.serve()
    assert trainers.is_ready


def test_nobody_is_ready_when_the_trainer_has_left_and_another_is_not_looked_up_yet() -> None:
    trainers = Trainers()
    trainer = joined_and_judged(trainers, 1, is_stranger=False)
    assert trainers.serve()
    unknown = Connection(2)
    trainers.join(unknown).is_settled = True
    assert trainers.leave(trainer) == [
        TrainerConnected(pid=1)
    ]  # it goes on as the trainer until it is known
    assert not trainers.is_ready
    trainers.judge(Verdict(connection=unknown, peer=Peer(pid=2), is_stranger=False))
    assert trainers.serve()
    assert trainers.is_ready


def test_a_stranger_and_a_former_trainer_are_not_ready() -> None:
    trainers = Trainers()
    joined_and_judged(trainers, 1, is_stranger=True)
    joined_and_judged(trainers, 2, is_stranger=False)
    assert trainers.serve()
    trainers.await_next()
    assert not trainers.is_ready
