"""A trainer's actor on a clock that the test advances."""

from collections.abc import Iterator

import pytest

from tests.support.clock import ManualScheduler
from tests.support.training_rig import TrainingRig


@pytest.fixture
def rig() -> Iterator[TrainingRig]:
    """One that is ended after the test."""
    rig = TrainingRig(ManualScheduler())
    yield rig
    rig.close()
