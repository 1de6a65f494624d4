"""The actor alone, with real sockets on free ports."""

from collections.abc import Iterator

import pytest

from tests.support.control_rig import ControlRig, control_rig


@pytest.fixture
def rig() -> Iterator[ControlRig]:
    """One that is ended after the test, with its context."""
    with control_rig() as rig:
        yield rig
