"""The page in a real browser: stop and cancel, and who may."""

import signal
import sys

from actors.worker.trainer import embedded as embedded_trainer
from tests.support.addresses import parts_of
from tests.support.network import Site
from tests.support.processes import shell
from tests.support.visits import BOTH, cancels, served, visit, waits


@BOTH
def test_stop_early_is_confirmed_sent_and_answered(browser, transport):
    with served("--epochs", "1000") as worker:
        visit(browser, worker, transport)
        browser.wait(lambda: browser.viewer()["epochs"] >= 2, "two epochs")
        browser.press("#stop")
        browser.press("#confirm-no")
        browser.press("#stop")
        browser.picture(f"confirm-{transport}")
        browser.press("#confirm-yes")
        browser.wait_for("#answers", "by you: the trainer has been asked to stop")
        assert worker.ends() == 0
        browser.wait_for("#state", "stopped early")
        browser.wait_for("#report", "stopped early after epoch")
        browser.picture(f"stopped-{transport}")
    assert "stopped early" in worker.output
    assert browser.viewer()["reports"] == worker.count("received from the trainer")


def test_cancel_ends_the_trainer_and_says_how(browser):
    with served("--", *shell("echo ready; exec sleep 1000")) as worker:
        visit(browser, worker)
        worker.wait_for("ready")
        browser.press("#cancel")
        browser.press("#confirm-yes")
        browser.wait_for("#answers", "SIGTERM")
        assert worker.ends() == 128 + signal.SIGTERM
        browser.wait_for("#state", "cancelled")
        browser.wait_for("#report", "SIGTERM")


def test_the_time_until_the_training_is_killed_is_counted_down(browser, gate):
    with cancels(browser, gate):
        first = browser.text("#state-note")
        browser.wait(lambda: browser.text("#state-note") != first, "a second less")


def test_a_stop_before_the_trainer_is_ready_is_held_and_then_sent(browser, gate):
    trainer = (
        f"read line < {gate.path}; exec {sys.executable} {embedded_trainer.__file__} "
        "--epochs 1000 --control-port $1 --progress-port $2"
    )
    with served("--", *shell(trainer, "{control_port}", "{progress_port}")) as worker:
        visit(browser, worker)
        browser.wait_for("#state", "waiting")
        browser.press("#stop")
        browser.press("#confirm-yes")
        browser.wait_for("#answers", "not ready yet")
        gate.open()
        browser.wait_for("#answers", "has been asked to stop")
        assert worker.ends() == 0


def test_a_wrong_token_shows_no_page_and_says_what_to_do(browser, gate):
    with waits(gate) as worker:
        base = parts_of(worker.link())[0]
        for address in (base, f"{base}/?token=wrong", f"{base}/#token=wrong"):
            browser.open(address)
            browser.wait_for("#state", "no access")
            browser.wait_for("#state-note", "Open the link that the worker has printed")


def test_a_read_only_link_watches_and_cannot_stop(browser, gate):
    with waits(gate, "--read-only-token", "random") as worker:
        visit(browser, worker, what="watch it at ")
        browser.wait_for("#state", "waiting")
        for button in ("#stop", "#cancel"):
            assert not browser.find(button).is_enabled()
        # Nor does a page that is tampered with.
        browser.run("window.viewer.send('JOB_CANCEL')")


EVIL = """\
<script>
const told = [];
const tell = (what) => { told.push(what); document.title = told.sort().join(","); };
fetch("BASE/session", {credentials: "include"}).then(() => tell("fetch!"), () => tell("fetch"));
fetch("BASE/offer", {method: "POST", credentials: "include", body: "{}"})
  .then(() => tell("post!"), () => tell("post"));
const socket = new WebSocket("WS/ws?client=abcdefgh&after=0&instance=x", "sleap-progress.v1");
socket.onopen = () => tell("socket!");
socket.onerror = () => tell("socket");
const frame = document.createElement("iframe");
frame.src = "BASE/";
frame.onload = () => { let inside = "frame"; try { inside += frame.contentDocument ? "?" : ""; }
  catch (e) {} tell(inside); };
document.documentElement.append(frame);
</script>
"""


def test_another_sites_page_reaches_nothing(browser, gate):
    with waits(gate) as worker:
        base = visit(browser, worker).partition("/?")[0]
        page = EVIL.replace("BASE", base).replace("WS", base.replace("http", "ws"))

        with Site(page) as site:
            browser.open(f"http://localhost:{site.port}/")
            browser.wait(lambda: browser.driver.title.count(",") == 3, "four answers")
            assert "!" not in browser.driver.title
