"""The commands of the README and of ``docs/`` run in their order: a fresh clone, an empty home.

What is different from a newcomer's first hour: the environment has this one's packages, since an
installation takes a minute and a network; sleap-nn is a stand-in; a worker takes free ports where
something on this machine has its own; tests are collected, those of one folder which has of every
kind, and benchmarks are asked for their help, since they take minutes to hours. ``.ci/run`` runs
the README's two commands as they stand.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.documents import PAGES, README, blocks
from tests.support.paths import ROOT
from tests.support.sleap_nn import put_sleap_nn
from tests.support.waiting import PATIENCE, settled

INSTALLED = (
    f"{sys.executable} -m venv --without-pip .venv && "
    f"echo {sysconfig.get_path('purelib')} > .venv/lib/python{sys.version_info.major}."
    f"{sys.version_info.minor}/site-packages/installed.pth"
)
"""In place of making an environment and installing: one that has this one's packages."""

FAULTS_ALONE = "'tests/[!f]*'"

CHANGES = (
    (
        r"python3 -m venv \.venv && \.venv/bin/python -m pip install \S+ (?:--editable )?'\S+'",
        INSTALLED,
    ),
    (r"\.venv/bin/python -m pip install --editable '\S+'", "true"),
    (r"run_worker\.py(?! --(runs|export))", "run_worker.py --any-port"),
    (r"-m pytest\b", f"-m pytest --collect-only --quiet --ignore-glob={FAULTS_ALONE}"),
    (r"-m benchmarks\b", "-m benchmarks --help"),
)
"""What is changed in a command, and why is said above."""

LONG = 60
"""Epochs of the training whose worker is killed after the first: more than ten seconds."""

ELSEWHERE = re.compile(r" *(ssh -L|docker run) ")
"""What needs another machine, or one within this one."""

COMMANDS = (".venv/bin/python ", "python3 ", "ssh ", "#!/bin/bash\n")
"""How a block of commands begins; all others are programs, figures, or what is printed."""

IN_ORDER = [README, *sorted(PAGES, key=lambda page: README.read_text().find(f"docs/{page.name}"))]
"""The documents as the README leads through them."""


def commands(path: Path) -> list[str]:
    """The commands of a document, one after the other; a script is one."""
    found: list[str] = []
    for block in blocks(path):
        if block.startswith("#!"):
            found.append(block)
        elif block.startswith(COMMANDS):
            found += block.strip().splitlines()
    return [command for command in found if not ELSEWHERE.match(command)]


class Newcomer:
    """Has a clone, a home that was empty, and a sleap-nn."""

    def __init__(self, folder: Path) -> None:
        self.clone, self._home, programs = (folder / name for name in ("clone", "home", "programs"))
        _clone(self.clone)
        self._home.mkdir()
        programs.mkdir()
        put_sleap_nn(programs)
        (self.clone / "config.yaml").write_text("trainer_config: {max_epochs: 2}\n")
        self._environment = {
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "EPOCHS": "2",
            "SLURM_JOB_ID": "7",
        }

    def starts(self, command: str) -> "subprocess.Popen[str]":
        """Start ``command`` in the clone; what it writes is in the file ``shown``."""
        with self._shown.open("w") as shown:
            return subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.clone,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=shown,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    @property
    def _shown(self) -> Path:
        return self.clone.parent / "shown"

    def _journals(self) -> set[Path]:
        """The journal of each run that has one."""
        return set(self._home.glob(".local/state/sleap-progress/runs/*/run.jsonl"))

    @property
    def shown(self) -> str:
        """What the last command has written so far."""
        return self._shown.read_text(errors="replace")

    def runs(self, command: str) -> str:
        """Run ``command`` to its end, which Ctrl-C is for a replay; what it has written."""
        process = self.starts(command)
        try:
            if "--replay" in command:
                assert settled(lambda: "the run is shown until Ctrl-C" in self.shown), self.shown
                os.killpg(process.pid, signal.SIGINT)
            code = process.wait(3 * PATIENCE)
        finally:
            _kill(process)
        assert code == 0, f"{command}\n{self.shown}"
        return self.shown

    def loses_a_worker(self) -> None:
        """Start a training, and kill its worker as soon as the end of an epoch is in the journal.

        The trainer writes a line of its own before that report comes; the next is 200 ms away.
        """
        earlier = self._journals()
        worker = ".venv/bin/python run_worker.py --any-port -- sleap-nn train config.yaml"
        process = self.starts(f"EPOCHS={LONG} exec {worker}")
        try:
            assert settled(
                lambda: any("epoch_end" in each.read_text() for each in self._journals() - earlier)
            ), self.shown
        finally:
            process.kill()
            process.wait()


def _clone(folder: Path) -> None:
    """What a clone of this working tree would have."""
    if not (ROOT / ".git").exists():
        left = shutil.ignore_patterns(".venv", "node_modules", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, folder, ignore=left)
        return
    listed = subprocess.run(
        (
            "git",
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def _kill(process: "subprocess.Popen[str]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # as it has to be
    process.wait()


def changed(command: str) -> str:
    """``command`` as it is run here."""
    for pattern, instead in CHANGES:
        command = re.sub(pattern, instead, command)
    return command


def test_no_command_is_overlooked() -> None:
    for path in IN_ORDER:
        for block in blocks(path):
            is_known = block.startswith(COMMANDS) or ELSEWHERE.match(block)
            assert is_known or "run_worker.py" not in block, block
    assert len([command for path in IN_ORDER for command in commands(path)]) >= 12


@pytest.mark.timeout(600)
def test_the_commands_run_in_their_order(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    shown = {}
    for path in IN_ORDER:
        for command in commands(path):
            if "--adopt=last" in command:
                newcomer.loses_a_worker()
            shown[command] = newcomer.runs(changed(command))
    assert (newcomer.clone / "run.html").exists()
    assert (newcomer.clone / "run-7.jsonl").exists()
    ends = [text for command, text in shown.items() if "sleap-nn train" in command]
    assert [text for text in ends if not re.search(r"^epochs +2 ", text, re.MULTILINE)] == []
    (adopted,) = (text for command, text in shown.items() if "--adopt=last" in command)
    assert re.search(rf"^epochs +{LONG} ", adopted, re.MULTILINE), adopted
