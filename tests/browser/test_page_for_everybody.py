"""The page in a real browser: in each of its states axe finds nothing that shuts somebody out."""

import json
import os
import signal

import pytest

from actors.worker.exporting import export
from actors.worker.outputs import RunFacts, Runs
from messages import TrainingReport, encode_event
from tests.support.addresses import parts_of
from tests.support.axe import Looks, needs_axe
from tests.support.processes import shell
from tests.support.recorded_runs import recorded_run
from tests.support.trainer_process import trainer
from tests.support.visits import cancels, drawn, messages_file, served, visit

pytestmark = needs_axe

SLOW_LINE = """
const real = window.fetch;
window.fetch = async (path, options) => {
  const response = await real(path, options);
  if (path !== "digest" || window.arrive) return response;
  const bytes = new Uint8Array(await response.arrayBuffer());
  const half = Math.ceil(bytes.length / 2);
  const body = new ReadableStream({
    start(stream) {
      stream.enqueue(bytes.slice(0, half));
      window.arrive = () => (stream.enqueue(bytes.slice(half)), stream.close());
    },
  });
  return new Response(body, { headers: response.headers });
};
"""
"""Half of the run so far comes, and the rest when the test says so."""

QUIET_TRAINER = """
const real = window.fetch;
window.fetch = async (path, options) => {
  const response = await real(path, options);
  if (path !== "digest") return response;
  const digest = await response.json();
  const text = JSON.stringify({ ...digest, heard: digest.heard - 7200 });
  const headers = new Headers(response.headers);
  headers.set("X-Unpacked-Length", String(text.length));
  return new Response(text, { headers });
};
"""
"""The run so far says that its trainer was heard two hours ago."""

LOOKS_AT_ONCE = """
dispatchEvent(new Event("online"));
return document.querySelector("#transport").textContent;
"""
"""The network is back: the page looks for its worker without a pause."""


def journal_of(messages):
    """The text of a journal, an entry a second."""
    return "".join(
        json.dumps({"sequence": number, "time": 1.7e9 + number, "message": message}) + "\n"
        for number, message in enumerate(messages, 1)
    )


def opens_with(browser, script, address):
    """Open a page in which ``script`` runs before the page's own."""
    added = browser.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": script}
    )
    browser.open(address)
    browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


@pytest.fixture
def looks(browser, monkeypatch, tmp_path):
    """There is an earlier run; at the end of the test nothing may have been found."""
    monkeypatch.setenv("SLEAP_PROGRESS_RUNS", str(tmp_path / "runs"))
    facts = RunFacts(began=1.7e9, host="gpu-node-17", command=("sleap-nn", "train"), folder="/w")
    earlier = Runs(tmp_path / "runs").begin(facts).folder
    (earlier / "run.jsonl").write_text(journal_of(recorded_run("sleap_nn_full_run")))
    looks = Looks(browser)
    yield looks
    assert not looks.found, json.dumps(looks.found, indent=1)


def rich_run():
    """Two models; the second one is told of in every way that the page knows."""
    yield from recorded_run("sleap_nn_full_run")
    link = "https://wandb.ai/lab/flies/runs/1"
    yield json.dumps({"what": "centered_instance", "event": "train_begin", "wandb_url": link})
    for epoch in range(3):
        yield json.dumps({"what": "", "event": "epoch_begin", "epoch": epoch})
        for batch in range(10):
            logs = {"loss": 0.1 / (1 + epoch + batch / 10)}
            report = {"what": "", "event": "batch_end", "epoch": epoch, "batch": batch}
            yield json.dumps({**report, "logs": logs})
        logs = {
            "train/loss": 0.1 / (epoch + 1),
            "val/loss": 0.11 / (epoch + 1),
            "dice": 0.5 + epoch / 10,
            "note": "warm",
            "confusion": [[9, 1], [2, 8]],
            "oks": [0.5, 0.7, 0.9],
        }
        yield json.dumps({"what": "", "event": "epoch_end", "epoch": epoch, "logs": logs})
    yield json.dumps({"what": "", "event": "epoch_begin", "epoch": 3})
    yield '{"what": "", "event": "batch_end", "epoch": 3, "batch": 0, "logs": {"loss": NaN}}'


COLOURS = "print:\033[31mred\033[32mgreen\033[33myellow\033[34mblue\033[0m plain"


def test_a_training_that_is_watched_and_stopped(browser, looks, tmp_path, new_gate):
    begin, end = new_gate(), new_gate()
    steps = trainer(
        f"send-file:{messages_file(tmp_path, rich_run())}",
        COLOURS,
        f"read:{end.path}",
        "leave",
    )
    command = shell('read line < "$1"; shift; exec "$@"', begin.path, *steps)
    with served("--", *command) as worker:
        base, token = parts_of(worker.link())
        browser.open(f"{base}/?transport=ws#token=wrong")
        browser.wait_for("#state", "no access")
        looks.at("no access")

        opens_with(browser, SLOW_LINE, f"{base}/?slow&transport=ws#token={token}")
        browser.wait_for("#state", "loading the run, 5")
        looks.at("loading")
        browser.run("window.arrive()")
        browser.wait_for("#state", "waiting for the trainer")
        looks.at("waiting")

        begin.open()
        browser.wait(lambda: browser.viewer()["models"] == 2, "two models")
        browser.wait_for("#state", "training epoch 4")
        browser.wait(lambda: drawn(browser) >= 3, "curves")
        browser.wait_for("#warnings", "NaN")
        browser.run(
            "for (const id of ['values', 'tables']) document.getElementById(id).open = true"
        )
        looks.at("live, all open")
        browser.press("#metrics summary")
        browser.run("document.querySelector('#metrics-list input').click()")
        browser.wait(lambda: browser.viewer()["charts"] == 2, "the metric's chart")
        looks.at("metrics")
        browser.press("#compare summary")
        browser.wait_for("#compare-list", "gpu-node-17")
        browser.run("document.querySelector('#compare-list input').click()")
        browser.wait_for("#compare-absent", "1 run is not drawn: it has no model like this one")
        looks.at("compare")
        browser.wait_for("#output", "blue plain")  # the last that it says
        opens_with(browser, QUIET_TRAINER, f"{base}/?quiet&transport=ws#token={token}")
        browser.wait_for("#state", "no message for")
        browser.wait(lambda: drawn(browser) >= 3, "curves")
        looks.at("silent")
        browser.press("#stop")
        looks.at("asked")
        browser.press("#confirm-yes")
        browser.wait_for("#state", "stopping")
        browser.wait_for("#answers", "has been asked to stop")
        looks.at("stopping")
        end.open()
        assert worker.ends() == 0
        browser.wait_for("#state", "stopped early")
        browser.wait(lambda: browser.run(LOOKS_AT_ONCE) == "the worker has ended")
        looks.at("stopped early, and kept")


def test_trainings_that_end_in_other_ways(browser, looks, tmp_path, gate):
    with cancels(browser, gate):
        looks.at("cancelling")
    looks.at("cancelled")
    fails = "echo one; echo 'RuntimeError: CUDA out of memory'; exit 1"
    with served("--keep-open", "--", *shell(fails)) as worker:
        visit(browser, worker)
        browser.wait_for("#state", "failed")
        looks.at("failed")
        worker.ctrl_c()
        assert worker.ends() == 1


def test_a_connection_that_is_gone_and_pages_without_a_training(browser, looks, tmp_path):
    journal, page = tmp_path / "run.jsonl", tmp_path / "run.html"
    with served("--epochs", "1000", "--journal", str(journal)) as worker:
        visit(browser, worker)
        browser.wait(lambda: browser.viewer()["epochs"] >= 3, "epochs")
        os.kill(worker.pid, signal.SIGKILL)
        browser.wait_for("#state", "connection lost")
        looks.at("connection lost")
    with served("--replay", str(journal), ports=()) as replay:
        visit(browser, replay)
        browser.wait_for("#state", "recorded until")
        looks.at("a recording")
    told = "the trainer has ended with exit code 0"
    ended = TrainingReport(outcome="completed", text=told, train_end=True, checkpoints=("m.ckpt",))
    journal.write_text(journal_of([*recorded_run("sleap_nn_full_run"), encode_event(ended)]))
    export(journal, page)
    browser.open(page.as_uri())
    browser.wait_for("#state", "finished")
    browser.wait(lambda: drawn(browser) >= 3, "curves")
    looks.at("finished, in a file")
