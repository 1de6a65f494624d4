"""Crashes of the supervisor's children, and what shows that they are over."""

from typing import Any

import pykka

from actors import SupervisorRef
from actors.supervisor.script import Answered
from messages import (
    ControlHeld,
    ControlPublished,
    ControlRejected,
    ReportingDegraded,
    SendControl,
)
from tests.support.channel import FakeChannel
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer
from tests.support.waiting import settled

CONTROL, LISTENER, CLIENT = "ControlSocketActor", "ProgressListenerActor", "ClientChannelActor"


SOCKETS = [CONTROL, LISTENER]


ALL = [*SOCKETS, CLIENT]


def _fail(_: object) -> None:
    raise RuntimeError("injected")


def crash_supervisor() -> None:
    """Make the only supervisor crash when it comes to it; what is alien to it is passed over."""
    (ref,) = pykka.ActorRegistry.get_by_class_name("SupervisorActor")
    ref.tell(Answered(_fail, None))


def tell_alien(actor: str) -> None:
    """Make ``actor`` crash when it comes to it."""
    (ref,) = pykka.ActorRegistry.get_by_class_name(actor)
    ref.tell(object())


def crash(actor: str, owner: Probe[Any]) -> ReportingDegraded:
    """Make ``actor`` crash; what the owner hears of it."""
    tell_alien(actor)
    return owner.wait_for(ReportingDegraded)


def is_heard(channel: FakeChannel, trainer: StandInTrainer) -> bool:
    """Whether what the trainer sends reaches the client, once it has connected again."""
    count = len(channel.sent)

    def one_more() -> bool:
        trainer.send("are you there?")
        return len(channel.sent) > count

    return settled(one_more)


def obeys(supervisor: SupervisorRef, trainer: StandInTrainer) -> bool:
    """Whether the trainer gets what is published."""
    supervisor.tell(SendControl(command="STOP", reply_to=Probe()))
    return trainer.command() == "STOP"


def obeys_again(supervisor: SupervisorRef, trainer: StandInTrainer) -> bool:
    """Whether a trainer that was there before a crash obeys, once it has connected again.

    A command that the crash costs is rejected, and may be sent again.
    """
    replies: Probe[Any] = Probe()
    supervisor.tell(SendControl(command="STOP", reply_to=replies))

    def has_it() -> bool:
        for reply in replies.drain():
            if isinstance(reply, ControlRejected):
                supervisor.tell(SendControl(command="STOP", reply_to=replies))
            else:
                assert isinstance(reply, ControlHeld | ControlPublished)
        return trainer.has_command()  # as a trainer looks between two batches

    return settled(has_it) and trainer.command() == "STOP"
