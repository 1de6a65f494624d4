"""The page in a real browser, opened late: all of the run at once, and what it is taken away as."""

import csv
import io
import json

from tests.support.recorded_runs import recorded_run
from tests.support.running_worker import RunningWorker
from tests.support.visits import BOTH, NAMES, drawn, sends, served, visit

TAKEN = """
const made = window.taken = [];
URL.createObjectURL = (blob) => (made.push(blob), "#");
HTMLAnchorElement.prototype.click = function () { made.name = this.download; };
"""

BLOB_TEXT = "const done = arguments[0]; window.taken[0].text().then(done);"


def epoch_end(epoch, **logs):
    logs = {"train/loss": 1 / (epoch + 1), "val/loss": 2 / (epoch + 1), **logs}
    return json.dumps({"what": "", "event": "epoch_end", "epoch": epoch, "logs": logs})


@BOTH
def test_a_page_that_comes_late_is_told_the_run_at_once_and_goes_on(
    browser, tmp_path, gate, transport
):
    run = recorded_run("sleap_nn_full_run")
    with served("--", *sends(tmp_path, run, gate.path)) as worker:
        visit(browser, worker)
        browser.wait(lambda: browser.viewer()["reports"] == len(run), "all reports")
        told = browser.viewer()
        visit(browser, worker, transport)
        # What was told at once may be a second old; the rest comes behind it.
        browser.wait(lambda: browser.viewer()["reports"] == len(run), "all reports")
        late = browser.viewer()
        for count in ("reports", "batches", "epochs", "models"):
            assert late[count] == told[count], count
        browser.wait_for("#transport", NAMES[transport])
        browser.wait(lambda: drawn(browser) >= 3, "curves")
        browser.wait_for("#epoch", "10")
        gate.open()
        assert worker.ends() == 0
        browser.wait_for("#state", "finished")
    assert browser.viewer()["reports"] == len(run)
    assert browser.complaints() == []


@BOTH
def test_a_report_that_is_larger_than_a_channel_takes_arrives(browser, tmp_path, gate, transport):
    begin = '{"what": "", "event": "train_begin", "logs": null, "wandb_url": null}'
    parts = {f"part_{i}": {"deep": i, "text": "x" * 10_000} for i in range(30)}
    large = epoch_end(1, parts=parts, confusion=[[1, 2], [3, 4]], dice="0.75")
    run = [begin, epoch_end(0), large, epoch_end(2)]
    assert len(large) > 262_144
    first = tmp_path / "first"
    first.mkdir()
    with served("--", *sends(first, run, gate.path)) as worker:
        visit(browser, worker, transport)
        browser.wait(lambda: browser.viewer()["epochs"] == 3, "all epochs")
        browser.run("document.querySelector('#values').open = true")
        browser.wait_for("#values-rows", "0.5")
        assert browser.run("return document.querySelectorAll('#values-rows tr').length") == 3
        browser.wait_for("#warnings", "30 values are not shown: parts/part_0/text")
        browser.run("document.querySelector('#tables').open = true")
        browser.wait_for("#tables", "confusion, epoch 2")
        names = browser.run(
            "document.querySelector('#metrics').open = true;"
            "return [...document.querySelectorAll('#metrics-list input')].map((box) => box.value)"
        )
        assert {"dice", "parts/part_0/deep"} <= set(names)
        gate.open()
        assert worker.ends() == 0


def test_values_and_picture_can_be_taken_away(browser, tmp_path, gate):
    with served("--", *sends(tmp_path, [epoch_end(0), epoch_end(1)], gate.path)) as worker:
        visit(browser, worker)
        browser.wait(lambda: drawn(browser) >= 2, "curves")
        browser.run(TAKEN)
        browser.press("#save-values")
        rows = list(csv.DictReader(io.StringIO(browser.driver.execute_async_script(BLOB_TEXT))))
        assert [(row["epoch"], row["val/loss"]) for row in rows] == [("1", "2"), ("2", "1")]
        browser.run(TAKEN)
        browser.press("#save-picture")
        browser.wait(lambda: browser.run("return window.taken.length"), "a picture")
        assert browser.run("return window.taken[0].type") == "image/png"
        assert browser.run("return window.taken[0].size") > 5_000
        gate.open()
        assert worker.ends() == 0
    assert browser.complaints() == []


def test_a_run_in_a_file_is_shown_without_a_worker(browser, tmp_path):
    journal, page = tmp_path / "run.jsonl", tmp_path / "run.html"
    with RunningWorker("--no-page", "--epochs", "3", "--journal", str(journal)) as worker:
        assert worker.ends() == 0
    with RunningWorker("--export", str(journal), str(page), ports=()) as export:
        assert export.ends() == 0
    browser.open(page.as_uri())
    browser.wait_for("#state", "finished")
    browser.wait(lambda: drawn(browser) >= 3, "curves")
    assert browser.viewer()["epochs"] == 3
    assert browser.text("#transport") == "kept in this file"
    browser.picture("exported")
    assert browser.complaints() == []
