"""A client channel's actor between a fake channel and probes."""

from collections.abc import Iterator

import pytest

from tests.support.channel import FakeChannel
from tests.support.client_rig import ClientRig, ListenerStandIn, client_rig
from tests.support.event_loop import LoopThread


@pytest.fixture
def rig(loop_thread: LoopThread) -> Iterator[ClientRig]:
    """One that follows nobody yet."""
    with client_rig(loop_thread) as rig:
        yield rig


@pytest.fixture
def listener(rig: ClientRig) -> ListenerStandIn:
    """A listener with a log, which the rig follows."""
    listener = ListenerStandIn()
    rig.follow(listener)
    return listener


@pytest.fixture
def channel() -> FakeChannel:
    """An open channel that takes all at once."""
    return FakeChannel()
