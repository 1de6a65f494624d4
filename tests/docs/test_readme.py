"""The README's examples run, and its tables name what is there."""

import dataclasses
import re
import subprocess
import sys

import pytest

import messages
from actors import ReporterSettings
from tests.support.paths import ROOT

README = ROOT / "README.md"

PORT = r"tcp://127\.0\.0\.1:\d+\n"


@pytest.mark.parametrize(
    ("number", "prints"),
    [
        (0, f"start the trainer: it connects to {PORT}reports received: 0\n"),
        (1, f"start the trainer: its commands come from {PORT}"),
    ],
    ids=["a Pykka worker", "asyncio code"],
)
def test_the_examples_run_as_they_stand(tmp_path, number, prints):
    example = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)[number]
    script = tmp_path / "example.py"
    script.write_text(example)
    run = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert re.fullmatch(prints, run.stdout)


def test_every_setting_is_in_the_table():
    text = README.read_text()
    for field in dataclasses.fields(ReporterSettings):
        assert f"`{field.name}`" in text


def test_every_message_that_the_readme_names_exists():
    section = README.read_text().split("## Messages")[1].split("## ")[0]
    names = set(re.findall(r"`([A-Z][A-Za-z]+)", section))
    assert len(names) > 15
    for name in names:
        assert hasattr(messages, name), name


def test_every_test_that_proves_a_promise_exists():
    text = (ROOT / "docs" / "promises.md").read_text()
    named = re.findall(r"`((?:\w+/)*\w+\.py|(?:\w+/)+)`", text)
    assert len(named) > 30
    for name in named:
        assert (ROOT / "tests" / name).exists(), name
