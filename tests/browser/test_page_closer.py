"""The page in a real browser: of a long run more is shown where somebody looks closely."""

import json
import math

from tests.support.running_worker import RunningWorker
from tests.support.visits import BOTH, drawn, sends, served, visit

EPOCHS, BATCHES = 16, 300


def long_run():
    """More batches than a page is told at once."""
    yield json.dumps({"what": "", "event": "train_begin", "logs": None})
    for epoch in range(EPOCHS):
        yield json.dumps({"what": "", "event": "epoch_begin", "epoch": epoch})
        for batch in range(BATCHES):
            fields = {"epoch": epoch, "batch": batch, "logs": {"loss": 2 + math.sin(batch)}}
            yield json.dumps({"what": "", "event": "batch_end", **fields})
        logs = {"train/loss": 1 / (epoch + 1), "val/loss": 2 / (epoch + 1)}
        yield json.dumps({"what": "", "event": "epoch_end", "epoch": epoch, "logs": logs})


def is_thinned(browser):
    """Whether the page has been told most of the run at once."""
    label = "return document.querySelector('#chart')?.getAttribute('aria-label') ?? ''"
    browser.wait(lambda: f"After epoch {EPOCHS}:" in browser.run(label), "all epochs drawn")
    told = browser.viewer()
    assert (told["batches"], told["detailed"]) == (EPOCHS * BATCHES, 0)
    return told["losses"] < told["batches"] / 2


def look_closely(browser, left):
    """See two epochs, so many before the last ones, and all of the run again."""
    for button in ["#zoom-in"] * 3 + ["#pan-left"] * left:
        browser.press(button)
    browser.wait(lambda: browser.viewer()["detailed"] >= 2 * BATCHES, "all batches")
    browser.wait(lambda: browser.viewer()["points"] >= 2 * BATCHES, "all of them drawn")
    browser.picture(f"closer-{left}")
    browser.press("#whole")
    browser.wait(lambda: browser.viewer()["detailed"] == 0, "the thinned curve")


@BOTH
def test_more_batches_come_where_somebody_zooms_in_also_when_the_run_is_over(
    browser, tmp_path, gate, transport
):
    run = list(long_run())
    with served("--keep-open", "--", *sends(tmp_path, run, gate.path)) as worker:
        visit(browser, worker)
        browser.wait(lambda: browser.viewer()["reports"] == len(run), "all reports")

        def comes_late():
            visit(browser, worker, transport)
            return is_thinned(browser)

        # What is told at once may be a second old; what came since is told report by report.
        browser.wait(comes_late, "a run that is told at once")
        look_closely(browser, left=14)
        gate.open()
        browser.wait_for("#state", "finished")
        look_closely(browser, left=9)
        worker.interrupt()
        assert worker.ends() == 0
    assert browser.complaints() == []


def test_a_run_that_is_shown_again_has_them_and_a_file_says_that_it_has_not(browser, tmp_path):
    journal, page = tmp_path / "run.jsonl", tmp_path / "run.html"
    with RunningWorker(
        "--no-page", "--journal", str(journal), "--", *sends(tmp_path, [*long_run()])
    ) as worker:
        assert worker.ends() == 0
    with served("--replay", str(journal), ports=()) as worker:
        visit(browser, worker)
        assert is_thinned(browser)
        look_closely(browser, left=10)
        browser.run("document.querySelector('#smoothing').value = 0.9")
        browser.run("document.querySelector('#smoothing').dispatchEvent(new Event('input'))")
        browser.wait(lambda: drawn(browser) == 4, "the smoothed curve")
        look_closely(browser, left=3)
        worker.interrupt()
        assert worker.ends() == 0
        # The page is left open: of what nobody has looked at it says why there is no more.
        for button in ["#zoom-in"] * 3 + ["#pan-left"] * 14:
            browser.press(button)
        browser.wait_for("#charts", "are shown: the worker cannot be reached")
    with RunningWorker("--export", str(journal), str(page), ports=()) as export:
        assert export.ends() == 0
    browser.driver.get_log("browser")
    browser.open(page.as_uri())
    assert is_thinned(browser)
    assert "are shown" not in browser.text("#charts")
    browser.press("#zoom-in")
    browser.wait_for("#charts", "are shown: this file holds no more")
    browser.picture("closer-file")
    browser.press("#whole")
    browser.wait(lambda: "are shown" not in browser.text("#charts"), "all of it")
    assert browser.complaints() == []
