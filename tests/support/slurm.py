"""A real SLURM of one node, and jobs in it."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.support.documents import blocks
from tests.support.paths import ROOT
from tests.support.processes import ends, marked
from tests.support.waiting import PATIENCE, settled

_START = ROOT / "tests" / "slurm" / "one-node.sh"

_OVER = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"}


def job_script() -> str:
    """The job script, as it stands in the page about clusters."""
    page = ROOT / "docs" / "clusters.md"
    (script,) = (each for each in blocks(page) if each.startswith("#!/bin/bash\n"))
    return script


class Cluster:
    """Started with all of it below ``folder``; raises SubprocessError where it cannot be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        subprocess.run(
            ["bash", _START, folder], check=True, stdout=subprocess.DEVNULL, timeout=2 * PATIENCE
        )

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "SLURM_CONF": str(self._folder / "slurm.conf")}

    @staticmethod
    def is_installed() -> bool:
        """Whether the machine has SLURM's daemons."""
        return shutil.which("slurmctld") is not None and shutil.which("munged") is not None

    def run(self, *command: str) -> str:
        """What one of SLURM's commands writes."""
        return subprocess.run(
            command,
            env=self._environment(),
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        ).stdout

    def submit(self, script: str, *options: str, folder: Path) -> "Job":
        """Submit the text of a job script, to be run in ``folder``."""
        file = folder / "job.sh"
        file.write_text(script)
        answer = self.run("sbatch", "--parsable", f"--chdir={folder}", *options, str(file))
        return Job(self, answer.strip(), folder)

    def close(self) -> None:
        """Cancel all jobs and end the daemons."""
        self.run("scancel", "--user=root")
        settled(lambda: not self.run("squeue", "--noheader").strip(), every=0.2)
        folders = (self._folder, self._folder, Path("/run/munge"))
        for folder, name in zip(folders, ("slurmctld", "slurmd", "munged"), strict=True):
            pid = int((folder / f"{name}.pid").read_text())
            os.kill(pid, signal.SIGTERM)
            ends(pid)


class Job:
    """A job of ``cluster``: its number, or that of an array's task (``7_1``)."""

    def __init__(self, cluster: Cluster, number: str, folder: Path) -> None:
        self._cluster = cluster
        self.number = number
        self._folder = folder

    def __str__(self) -> str:
        return self.number

    def _shown(self, field: str) -> str:
        text = self._cluster.run("scontrol", "show", "job", "--oneliner", self.number)
        found = re.search(rf"\b{field}=(\S+)", text)
        assert found is not None, text
        return found[1]

    @property
    def state(self) -> str:
        """SLURM's word for it."""
        return self._shown("JobState")

    @property
    def exit(self) -> tuple[int, int]:
        """The script's exit code, and the signal that ended it or 0."""
        code, _, number = self._shown("ExitCode").partition(":")
        return int(code), int(number)

    @property
    def output(self) -> str:
        """What it has written so far."""
        path = self._folder / f"slurm-{self.number}.out"
        return path.read_text() if path.exists() else ""

    def wait_for(self, text: str) -> str:
        """The line of the output that contains ``text``."""
        found: list[str] = []

        def is_there() -> bool:
            found[:] = [line for line in self.output.splitlines() if text in line]
            return bool(found)

        assert settled(is_there, 2 * PATIENCE), f"{text!r} did not come:\n{self.output}"
        return found[0]

    def ends(self) -> str:
        """Its state, as soon as it is over and none of its processes is left."""
        deadline = time.monotonic() + 3 * PATIENCE
        while (state := self.state) not in _OVER:
            assert time.monotonic() < deadline, f"{self.number} is {state}:\n{self.output}"
            time.sleep(0.2)
        return state

    def processes(self) -> list[int]:
        """The processes that run with the job's number in their environment."""
        return marked(f"SLURM_JOB_ID={self._shown('JobId')}")

    @property
    def reason(self) -> str:
        """Why it waits."""
        return self._shown("Reason")

    def task(self, number: int) -> "Job":
        """The task of the array that it is."""
        return Job(self._cluster, f"{self.number}_{number}", self._folder)
