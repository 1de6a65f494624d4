"""CONTRIBUTING.md names the tasks, the steps of CI and the hooks that there are."""

import importlib.util
import re
import shlex
import subprocess
import sys

import yaml

import noxfile
from tests.support.documents import section
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

TEXT = (ROOT / "CONTRIBUTING.md").read_text()


def test_the_tasks_are_those_of_nox() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "--noxfile", ROOT / "noxfile.py", "--list"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    tasks = re.findall(r"^[*-] (\w+)(?:-3\.\d+)? -> ", listed.stdout, flags=re.MULTILINE)
    assert {"unit", "pythons", "tests", "faults", "nightly", "types", "bench"} <= {*tasks}
    named = re.findall(r"^\| `(\w+)` \|", section(TEXT, "Tasks"), flags=re.MULTILINE)
    assert named == [*dict.fromkeys(tasks)]


def test_the_versions_of_python_that_were_run_are_those_that_it_is_for() -> None:
    row = re.compile(r"^\| (3\.\d+)\.\d+ \| \d+ \w+ 20\d\d \|", flags=re.MULTILINE)
    assert row.findall(section(TEXT, "Versions of Python")) == noxfile.VERSIONS
    assert noxfile.VERSIONS[0] == "3.11"


def test_the_steps_are_those_of_ci() -> None:
    steps = re.findall(r'^step "(.+)"$', (ROOT / ".ci" / "run").read_text(), flags=re.MULTILINE)
    assert len(steps) >= 5
    assert re.findall(r"^- (.+)$", section(TEXT, "What CI runs"), flags=re.MULTILINE) == steps


def test_the_hooks_use_the_environments_own_tools() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        python, option, tool, *_ = shlex.split(hook["entry"])
        assert (python, option, hook["language"]) == (".venv/bin/python", "-m", "system")
        assert importlib.util.find_spec(tool) is not None


def test_the_parts_whose_coverage_is_written_down_are_those_that_ci_prints() -> None:
    assert ".venv/bin/nox --sessions coverage" in (ROOT / ".ci" / "run").read_text()
    figure = r"\d+\.\d % of [\d,]+"
    written = re.findall(
        rf"^\| (`.+?) \| {figure} \| {figure} \|$", section(TEXT, "Coverage"), flags=re.MULTILINE
    )
    assert written == [*noxfile.PARTS]
    assert [test for test in noxfile.ROOMS if not (ROOT / test).exists()] == []
