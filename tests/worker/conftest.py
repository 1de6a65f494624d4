"""A worker's actor between probes, and the folder of the runs of a whole worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.worker_rig import WorkerRig


@pytest.fixture
def worker() -> Iterator[WorkerRig]:
    """One that is ended after the test."""
    rig = WorkerRig()
    yield rig
    rig.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all runs, which is the test's own."""
    monkeypatch.setenv("SLEAP_PROGRESS_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"
