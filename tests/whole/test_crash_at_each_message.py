"""A crash at any message of any child: requests are answered, reports go on, nothing is left."""

import os
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pykka
import pytest

from actors import ReporterSettings, SupervisorRef, TypedRef
from actors.client_channel import actor as client_channel
from actors.control_socket import actor as control_socket
from actors.progress_listener import actor as progress_listener
from messages import (
    AddToLog,
    CloseChannel,
    DetachClient,
    FollowRun,
    KnowTrainer,
    LogEntry,
    OpenControlSocket,
    PublishControl,
    ReportingDegraded,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    StartListening,
)
from tests.support.channel import FakeChannel
from tests.support.crashes import CLIENT, CONTROL, LISTENER, is_heard, obeys_again
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe
from tests.support.reporting import (
    ask_start,
    ask_stop,
    attach_client,
    start,
    status,
    stop,
    switch,
    trainer_for,
)
from tests.support.settings import on_free_ports
from tests.support.texts import forwarded, reports
from tests.support.waiting import settled

CHILDREN = {
    control_socket.ControlSocketActor: control_socket._Inbox,
    progress_listener.ProgressListenerActor: progress_listener._Inbox,
    client_channel.ClientChannelActor: client_channel._Inbox,
}

EVERY = [
    pytest.param(actor, kind, id=f"{actor.__name__}-{kind.__name__}")
    for actor, inbox in CHILDREN.items()
    for kind in typing.get_args(inbox)
]


@contextmanager
def crashing_at(actor: Any, kind: type, *, handled: bool) -> Iterator[Event]:
    """``actor`` raises once at a message of type ``kind``: before it, or when it is ``handled``."""
    # A command that the actor has in its hands is answered where it is published.
    name = "_publish" if kind is PublishControl else "on_receive"
    handle, crashed = getattr(actor, name), Event()

    def raising(self: Any, message: Any) -> None:
        if not isinstance(message, kind) or crashed.is_set():
            handle(self, message)
            return
        crashed.set()
        if handled:
            handle(self, message)
        raise RuntimeError(f"injected at {kind.__name__}")

    setattr(actor, name, raising)
    try:
        yield crashed
    finally:
        setattr(actor, name, handle)


@pytest.fixture
def settings() -> ReporterSettings:
    """Settings that do not wait long for clients at the end of a job, nor for strangers."""
    return on_free_ports(drain_timeout=0.1, connect_wait=0.01)


def start_also_at_the_second_try(supervisor: SupervisorRef) -> ReportingReady:
    """A crash while the sockets are bound is answered, and the start may be asked for again."""
    answer = ask_start(supervisor)
    if isinstance(answer, ReportingFailed):
        assert "failed" in answer.reason or "injected" in answer.reason
        answer = ask_start(supervisor)
    assert isinstance(answer, ReportingReady), answer
    return answer


def follow_again() -> None:
    """Tell the clients' actors whom they follow, as after a crash of one of those."""
    of_class = pykka.ActorRegistry.get_by_class_name
    assert settled(lambda: of_class(LISTENER) and of_class(CONTROL))
    (listener,), (control,) = of_class(LISTENER), of_class(CONTROL)
    for client in of_class(CLIENT):
        client.tell(FollowRun(listener=TypedRef(listener), control=TypedRef(control)))


def live_through_all(supervisor: SupervisorRef, loop_thread: LoopThread) -> None:
    """A pipeline of two jobs in which each child gets each of its messages."""
    alice, stalled = FakeChannel(), FakeChannel("connecting", buffering=True)
    attach_client(supervisor, alice, "alice")
    attach_client(supervisor, stalled, "stalled")
    ready = start_also_at_the_second_try(supervisor)
    with trainer_for(ready) as trainer:
        assert is_heard(alice, trainer)
        assert obeys_again(supervisor, trainer)
        follow_again()
        supervisor.tell(KnowTrainer(pid=os.getpid()))
        supervisor.tell(AddToLog(entries=(LogEntry(text="a note", note=True),)))
        loop_thread.call(alice.receive, "CONTROL_COMMAND::by the client")
        loop_thread.call(stalled.open)
        loop_thread.call(stalled.drain)
        visitor = FakeChannel()
        attach_client(supervisor, visitor, "visitor")
        supervisor.tell(DetachClient(client_id="visitor"))
        attach_client(supervisor, visitor, "visitor")
        loop_thread.call(visitor.close)
        assert is_heard(alice, trainer)

        def has_ended() -> bool:  # it is not heard while a listener that crashes is replaced
            trainer.send('{"event": "train_end"}')
            return any('"train_end"' in text for text in alice.sent)

        assert settled(has_ended)
        status(supervisor)
    # Else the next one, which comes at once, could be taken for this one that has come again.
    assert settled(lambda: not status(supervisor).trainer_connected)
    next_ready = switch(supervisor)
    stalled.buffering = False  # it has held up one end, and need not hold up two more
    loop_thread.call(stalled.drain)
    with trainer_for(next_ready) as trainer:
        assert is_heard(alice, trainer)
        assert obeys_again(supervisor, trainer)
    assert isinstance(ask_stop(supervisor, "job-2"), ReportingStopped)


@pytest.mark.parametrize("handled", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("actor", "kind"), EVERY)
def test_the_pipeline_goes_on_and_the_next_job_is_reported(
    supervisor: SupervisorRef,
    loop_thread: LoopThread,
    owner: Probe[Any],
    actor: Any,
    kind: type,
    handled: bool,
) -> None:
    with crashing_at(actor, kind, handled=handled) as crashed:
        live_through_all(supervisor, loop_thread)
        assert crashed.is_set(), f"no {kind.__name__} came"
    # The client's actor was to end anyway, and of a start that fails the answer says why.
    if kind not in (CloseChannel, OpenControlSocket, StartListening):
        owner.wait_for(ReportingDegraded)
    channel = FakeChannel()
    attach_client(supervisor, channel, "another")
    with trainer_for(start(supervisor, "job-3")) as trainer:
        trainer.send(*reports(20))
        assert channel.wait_for_count(20) == forwarded(reports(20))
        assert obeys_again(supervisor, trainer)
    assert stop(supervisor, "job-3").summary.received == 20
