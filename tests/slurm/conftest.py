"""One SLURM for all tests here, and a folder that looks like the job script's."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.worker.trainer import EMBEDDED
from tests.support.paths import ROOT
from tests.support.sleap_nn import put_sleap_nn
from tests.support.slurm import Cluster

HEARS = """\
import runpy, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: print("SIGUSR1 has been heard", flush=True))
sys.argv[0] = {embedded!r}
runpy.run_path({embedded!r}, run_name="__main__")
"""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A SLURM of one node."""
    if not Cluster.is_installed():
        pytest.skip("SLURM is not installed: apt-get install slurm-wlm munge")
    try:
        cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    except subprocess.SubprocessError as error:  # as in a container that may not have its daemons
        pytest.skip(f"SLURM does not start on this machine: {error}")
    yield cluster
    cluster.close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the job script of the documents names; sleap-nn is found on the path."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "run_worker.py").symlink_to(ROOT / "run_worker.py")
    (tmp_path / "config.yaml").write_text("trainer_config: {max_epochs: 1000}\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    hears = programs / "hears.py"
    hears.write_text(HEARS.format(embedded=str(EMBEDDED)))
    put_sleap_nn(programs, program=hears)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("SLEAP_PROGRESS_RUNS", str(tmp_path / "runs"))
    return tmp_path
