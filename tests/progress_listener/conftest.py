"""The actor alone, with real sockets on free ports."""

from collections.abc import Iterator

import pytest

from tests.support.event_loop import LoopThread
from tests.support.listener_rig import ListenerRig, listener_rig


@pytest.fixture
def rig(loop_thread: LoopThread) -> Iterator[ListenerRig]:
    """One that is ended after the test, with its context."""
    with listener_rig(loop_thread) as rig:
        yield rig
