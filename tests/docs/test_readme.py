"""The README's examples run, and its tables name what is there."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import messages
from actors import ReporterSettings

README = Path(__file__).parents[2] / "README.md"


def test_the_example_of_a_pykka_worker_runs_as_it_stands(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(example)
    run = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=README.parent,
        env={"PYTHONPATH": str(README.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert re.search(r"it connects to tcp://127\.0\.0\.1:\d+\nreports received: 0\n", run.stdout)


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
