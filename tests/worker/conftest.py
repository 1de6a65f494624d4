"""A worker's actor between probes."""

from collections.abc import Iterator

import pytest

from tests.support.worker_rig import WorkerRig


@pytest.fixture
def worker() -> Iterator[WorkerRig]:
    """One that is ended after the test."""
    rig = WorkerRig()
    yield rig
    rig.close()
