"""Crashes of the supervisor's children, and what shows that they are over."""

from typing import Any

import pykka

from actors import SupervisorRef
from messages import (
    ReportingDegraded,
    SendControl,
)
from tests.conftest import settled
from tests.support.channel import FakeChannel
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer

CONTROL, LISTENER, CLIENT = "ControlSocketActor", "ProgressListenerActor", "ClientChannelActor"


SOCKETS = [CONTROL, LISTENER]


ALL = [*SOCKETS, CLIENT]


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
    """Whether the trainer gets what is published, once it has connected again."""
    supervisor.tell(SendControl(command="STOP", reply_to=Probe()))
    return trainer.command() == "STOP"
