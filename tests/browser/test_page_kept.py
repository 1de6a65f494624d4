"""The page in a real browser: runs that are kept, gone on with and compared."""

import json
import shutil

import pytest

from tests.support.processes import ends, python
from tests.support.running_worker import RunningWorker
from tests.support.visits import BOTH, drawn, sends, served, visit
from tests.support.waiting import settled

UNHEARD = """\
import pathlib, sys
models = pathlib.Path(sys.argv[1]) / "models"
models.mkdir()
print("ready", flush=True)
open(sys.argv[2]).readline()
rows = "".join(f"{number},0.{number + 1},0.2\\n" for number in range(3))
(models / "training_log.csv").write_text("epoch,train_loss,val_loss\\n" + rows)
"""


def test_epochs_that_nobody_heard_of_are_drawn_and_marked(browser, tmp_path, gate, monkeypatch):
    folder = tmp_path / "runs"
    monkeypatch.setenv("SLEAP_PROGRESS_RUNS", str(folder))
    command = python(UNHEARD, str(tmp_path), gate.path)
    with RunningWorker("--no-page", "--checkpoints", str(tmp_path), "--", *command) as worker:
        pid = worker.training()
        worker.wait_for("ready")
        worker.kill()
        gate.open()
        assert ends(pid)
        (run,) = folder.iterdir()
        assert settled((run / "exit.json").exists)
        with served("--adopt=last", "--keep-open", ports=()) as other:
            visit(browser, other)
            browser.wait_for("#state", "finished")
            browser.wait(lambda: drawn(browser) >= 2, "curves")
            browser.run("document.querySelector('#values').open = true")
            browser.wait_for("#values-rows", "3, from the trainer's own log")
            browser.wait_for("#warnings", "nobody listened")
            assert not any(c.isdigit() for c in browser.text("#per-epoch"))
            browser.picture("read")
    assert browser.complaints() == []


def epochs(losses):
    for epoch, value in enumerate(losses):
        yield json.dumps({"what": "", "event": "epoch_begin", "epoch": epoch})
        logs = {"train/loss": 2 * value, "val/loss": value}
        yield json.dumps({"what": "", "event": "epoch_end", "epoch": epoch, "logs": logs})


@pytest.fixture(scope="module")
def six_runs(tmp_path_factory):
    """A folder with six runs, to be copied."""
    runs = tmp_path_factory.mktemp("six-runs")
    for number in range(6):
        folder = tmp_path_factory.mktemp("sent")
        messages = list(epochs([1 / (number + 1 + epoch) for epoch in range(6)]))
        steps = sends(folder, messages)
        variables = {"SLEAP_PROGRESS_RUNS": str(runs)}
        with RunningWorker("--no-page", "--", *steps, variables=variables) as worker:
            assert worker.ends() == 0
    return runs


@BOTH
def test_earlier_runs_are_drawn_behind_this_one(
    browser, tmp_path, gate, monkeypatch, six_runs, transport
):
    monkeypatch.setenv("SLEAP_PROGRESS_RUNS", str(tmp_path / "runs"))
    shutil.copytree(six_runs, tmp_path / "runs")
    with served("--", *sends(tmp_path, list(epochs([0.8, 0.7])), gate.path)) as worker:
        visit(browser, worker, transport)
        browser.wait(lambda: drawn(browser) >= 2, "curves")
        before = drawn(browser)
        browser.press("#compare summary")
        boxes = "return document.querySelectorAll('#compare-list input').length"
        browser.wait(lambda: browser.run(boxes) == 6, "the earlier runs")
        for number in range(5):
            browser.run(f"document.querySelectorAll('#compare-list input')[{number}].click()")
            browser.wait(lambda n=number: browser.viewer()["compared"] == n + 1, "a run")
        browser.wait(lambda: drawn(browser) == before + 5, "faint curves")
        last = "return document.querySelectorAll('#compare-list input')[5].disabled"
        assert browser.run(last)
        browser.wait_for("#compare-note", "Up to")
        browser.picture(f"compared-{transport}")
        browser.run("document.querySelector('#compare-list input').click()")
        browser.wait(lambda: drawn(browser) == before + 4, "one fewer")
        browser.driver.refresh()
        browser.wait(lambda: drawn(browser) == before + 4, "those that were chosen")
        browser.press("#compare summary")
        checked = "return [...document.querySelectorAll('#compare-list input')].map(b => b.checked)"
        wanted = [False, True, True, True, True, False]
        browser.wait(lambda: browser.run(checked) == wanted, "the choice in the menu")
        gate.open()
        assert worker.ends() == 0
    assert browser.complaints() == []


def test_who_may_only_watch_compares_nothing(browser, tmp_path, gate):
    options = ("--read-only-token", "random")
    with served(*options, "--", *sends(tmp_path, list(epochs([0.8])), gate.path)) as worker:
        visit(browser, worker, what="watch it at ")
        browser.wait(lambda: drawn(browser) >= 2, "curves")
        assert browser.run("return document.querySelector('#compare').hidden")
        gate.open()
        assert worker.ends() == 0
