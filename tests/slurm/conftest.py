"""One SLURM for all tests here, and a folder that looks like the README's."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.worker.trainer import EMBEDDED
from tests.support.paths import ROOT
from tests.support.slurm import Cluster

SLEAP_NN = """\
#!/bin/sh
# Stands in for sleap-nn: takes its ports as that does, and hears SIGUSR1 without minding.
for word; do
    case $word in
        *controller_port=*) control=${{word##*=}} ;;
        *publish_port=*) progress=${{word##*=}} ;;
    esac
done
exec {python} -P {program} --epochs "${{EPOCHS:-1000}}" \\
    --control-port "$control" --progress-port "$progress"
"""

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
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    yield cluster
    cluster.close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the README's job script names; sleap-nn is found on the path."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "run_worker.py").symlink_to(ROOT / "run_worker.py")
    (tmp_path / "config.yaml").write_text("trainer_config: {max_epochs: 1000}\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    hears = programs / "hears.py"
    hears.write_text(HEARS.format(embedded=str(EMBEDDED)))
    command = programs / "sleap-nn"
    command.write_text(
        SLEAP_NN.format(python=shlex.quote(sys.executable), program=shlex.quote(str(hears)))
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("SLEAP_PROGRESS_RUNS", str(tmp_path / "runs"))
    return tmp_path
