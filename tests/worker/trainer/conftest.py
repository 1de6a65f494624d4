"""A trainer's actor."""

from collections.abc import Iterator

import pytest

from tests.support.training_rig import TrainingRig


@pytest.fixture
def rig() -> Iterator[TrainingRig]:
    """One that is ended after the test."""
    rig = TrainingRig()
    yield rig
    rig.close()
