"""The list of runs: what it costs, whatever their number and length."""

import collections
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from actors.worker.outputs import RunFacts, Runs, RunSummary, lines_of

LONG = 8 * 1024**3
"""Bytes of a journal that nobody can have read."""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> collections.Counter[str]:
    """How often the files of each name have been opened."""
    found: collections.Counter[str] = collections.Counter()
    real = io.open

    def count(file, *arguments, **options):
        if not isinstance(file, int):
            found[Path(file).name] += 1
        return real(file, *arguments, **options)

    monkeypatch.setattr(io, "open", count)
    return found


def begin(runs: Runs, second: int):
    return runs.begin(RunFacts(began=1e9 + second, host=os.uname().nodename, title="a training"))


@pytest.mark.parametrize("count", [10, 20])
def test_each_run_costs_its_small_files_once(tmp_path, opened, count):
    runs = Runs(tmp_path)
    for second in range(count):
        run = begin(runs, second)
        run.write_summary(RunSummary(outcome="completed", epochs=3, best_loss=0.5))
        run.journal.touch()
        os.truncate(run.journal, LONG)
    opened.clear()
    lines = list(lines_of(runs))
    assert len(lines) == 2 + 2 * count
    assert lines[2].split()[0] == "1"
    assert set(opened) <= {"run.json", "summary.json", "live.json"}
    assert all(number == count for number in opened.values()), opened


def test_of_a_run_without_a_summary_the_journal_costs_the_same_for_any_length(tmp_path):
    run = begin(Runs(tmp_path), 0)
    run.journal.touch()
    os.truncate(run.journal, LONG)
    assert len(list(lines_of(Runs(tmp_path)))) == 4


def test_neither_the_page_nor_webrtc_is_loaded_for_the_list(tmp_path):
    program = (
        "import sys; from actors.worker import list_runs, parse; "
        f"code = list_runs(parse(['--runs', '--runs-folder', {str(tmp_path)!r}])); "
        "print({'aiohttp', 'aiortc', 'av', 'zmq'} & sys.modules.keys()); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    first, *_, loaded = done.stdout.splitlines()
    assert first == f"runs in {tmp_path}"
    assert loaded == "set()"
