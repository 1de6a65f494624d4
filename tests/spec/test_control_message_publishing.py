"""Requirement: Control Message Publishing."""

import logging

from actors import control_socket
from messages import CloseControlSocket, ControlRejected, ControlSocketClosed, PublishControl
from tests.support.channel import FakeChannel
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, trainer_for
from tests.support.waiting import PATIENCE, settled


def test_forward_stop_command(supervisor, loop_thread, owner, caplog):
    """WHEN client sends "ZMQ_CTRL::STOP" message."""
    caplog.set_level(logging.INFO, "actors")
    channel = FakeChannel()
    with trainer_for(start(supervisor)) as trainer:
        attach_client(supervisor, channel)
        assert "Sent control message to Trainer" not in caplog.messages

        loop_thread.call(channel.receive, "ZMQ_CTRL::STOP")

        assert trainer.command() == "STOP", "extract the command, publish via control PUB socket"
        # The line is written when the socket has taken the command, maybe after it has arrived.
        assert settled(lambda: "Sent control message to Trainer" in caplog.messages)
    sent = [message for message in caplog.messages if message.startswith("Sent control")]
    assert sent == ["Sent control message to Trainer"]
    assert not [m for m in owner.drain() if "STOP" in repr(m)], "it is not the owner's business"


def errors(caplog):
    return [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_control_socket_not_initialized(supervisor, loop_thread, settings, caplog):
    """WHEN control message received but ctrl_socket is None."""
    parent = Probe()
    control = control_socket.spawn(parent=parent, settings=settings)

    control.tell(PublishControl(command="STOP"))
    answer = control.ask(
        lambda reply_to: PublishControl(command="STOP", reply_to=reply_to), timeout=PATIENCE
    )

    assert isinstance(answer, ControlRejected)
    # THEN progress reporter SHALL log error
    assert [e.getMessage() for e in errors(caplog)] == [
        "control message not published: the control socket is not initialized"
    ] * 2
    # AND NOT raise exception: the actor has not failed, it answers on
    assert [e.exc_info for e in errors(caplog)] == [None, None]
    closed = control.ask(lambda reply_to: CloseControlSocket(reply_to=reply_to), timeout=PATIENCE)
    assert closed == ControlSocketClosed()
    assert parent.drain() == []
    control.stop(timeout=PATIENCE)

    # The same, sent by a client while no job is reported.
    caplog.clear()
    channel = FakeChannel()
    attach_client(supervisor, channel)
    loop_thread.call(channel.receive, "ZMQ_CTRL::STOP")
    with trainer_for(start(supervisor)) as trainer:
        loop_thread.call(channel.receive, "ZMQ_CTRL::NEXT")
        assert trainer.command() == "NEXT", "what came without a socket is not published later"
    status(supervisor)
    [error] = errors(caplog)
    assert "control socket is not initialized" in error.getMessage()
    assert error.exc_info is None
