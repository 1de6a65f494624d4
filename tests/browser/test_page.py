"""The page in a real browser, in front of the complete worker and a real training."""

import http.server
import json
import signal
import subprocess
import sys
import threading

import pytest

from actors import embedded_trainer
from tests.browser.network import Network
from tests.support.ports import fixed_addresses
from tests.support.probe import PATIENCE
from tests.support.recorded_runs import recorded_run
from tests.worker.processes import ends, python, shell
from tests.worker.running_worker import RunningWorker

BOTH = pytest.mark.parametrize("transport", ["rtc", "ws"])
NAMES = {"rtc": "WebRTC", "ws": "WebSocket"}

SENDS = """\
import json, sys, time, zmq
progress = zmq.Context().socket(zmq.XPUB)
progress.sndhwm = 0  # on a busy machine too, nothing is dropped
progress.connect('tcp://127.0.0.1:' + sys.argv[1])
progress.recv()
for number, line in enumerate(open(sys.argv[2])):
    progress.send_string(json.loads(line))
    if number % 200 == 199:
        time.sleep(0.02)
print('all sent', flush=True)
if len(sys.argv) > 3:
    open(sys.argv[3]).readline()
progress.close(linger=5000)
"""
"""A trainer that sends the messages of a file, each one a JSON string on a line."""


def messages_file(tmp_path, messages):
    path = tmp_path / "messages.jsonl"
    path.write_text("".join(f"{json.dumps(message)}\n" for message in messages))
    return str(path)


def sends(tmp_path, messages, *gate):
    """The command of a trainer that sends ``messages``, and then waits at the gate."""
    return python(SENDS, "{progress_port}", messages_file(tmp_path, messages), *gate)


def visit(browser, worker, transport="ws", what="watch and stop it at "):
    """Open the page; the address it leaves in the address bar."""
    browser.open(f"{worker.link(what)}&transport={transport}")
    browser.wait(lambda: browser.viewer().get("connected"), "connected")
    return browser.driver.current_url


def served(*arguments, **options):
    return RunningWorker("--port", "0", *arguments, **options)


def drawn(browser):
    """How many curves of the chart have something in them."""
    return browser.run(
        "return [...document.querySelectorAll('#chart .scatterlayer .trace')]"
        ".filter(t => t.querySelector('path.js-line[d], path.point')).length"
    )


@BOTH
def test_a_real_run_is_drawn_as_it_goes_and_its_end_is_told(browser, tmp_path, gate, transport):
    run = recorded_run("sleap_nn_full_run")
    with served("--", *sends(tmp_path, run, gate.path)) as worker:
        address = visit(browser, worker, transport)
        assert "token" not in address
        browser.wait(lambda: browser.viewer()["reports"] == len(run), "all reports")
        browser.wait_for("#transport", NAMES[transport])
        browser.wait(lambda: drawn(browser) >= 3, "training, validation and batch losses")
        assert browser.viewer()["epochs"] == 10
        assert browser.viewer()["models"] == 1
        browser.wait_for("#epoch", "10")
        ends = [json.loads(message) for message in run if '"epoch_end"' in message]
        best = min(ends, key=lambda end: end["logs"]["val/loss"])
        browser.wait_for("#best", f"epoch {best['epoch'] + 1} ")
        browser.picture(f"training-{transport}")
        gate.open()
        assert worker.ends() == 0
        browser.wait_for("#state", "finished")
        browser.wait_for("#report", "exit code 0")
    assert browser.viewer()["reports"] == len(run)
    assert browser.complaints() == []


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
        browser.wait_for("#state", "finished")
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


@BOTH
def test_a_page_that_is_reloaded_in_mid_run_has_the_run_from_its_first_message(browser, transport):
    with served("--epochs", "1000") as worker:
        visit(browser, worker, transport)
        browser.wait(lambda: browser.viewer()["epochs"] >= 3, "three epochs")
        for _ in range(2):
            browser.driver.refresh()
            browser.wait(lambda: browser.viewer().get("epochs", 0) >= 3, "three epochs again")
        worker.ctrl_c()
        assert worker.ends() == 0
        browser.wait_for("#state", "finished")
    assert browser.viewer()["reports"] == worker.count("received from the trainer")


@BOTH
def test_a_network_that_was_away_costs_nothing(browser, transport):
    with served("--epochs", "1000") as worker:
        link = worker.link()
        port = int(link.partition("/?")[0].rpartition(":")[2])
        with Network(port) as network:
            through = link.replace(f":{port}/", f":{network.port}/")
            browser.open(f"{through}&transport={transport}")
            browser.wait(lambda: browser.viewer().get("epochs", 0) >= 2, "two epochs")
            network.go_away()
            if transport == "rtc":  # its packets take no part in the proxy
                browser.run("window.viewer.drop()")
            browser.wait_for("#state", "reconnecting")
            before = browser.viewer()
            worker.wait_for(f"epoch {before['epochs'] + 3}/")
            network.come_back()
            browser.wait(lambda: browser.viewer()["epochs"] > before["epochs"] + 2, "more epochs")
            assert browser.viewer()["instance"] == before["instance"]
            worker.ctrl_c()
            assert worker.ends() == 0
            browser.wait_for("#state", "finished")
    assert browser.viewer()["reports"] == worker.count("received from the trainer")


def test_a_worker_that_is_killed_and_started_again_is_found_again(browser, tmp_path):
    control, progress, page = fixed_addresses(3)
    port = page.rpartition(":")[2]
    arguments = (
        *("--adopt", "--journal", str(tmp_path / "run.jsonl"), "--port", port),
        *("--token", "the token of this test"),
    )
    ports = ("--control-address", control, "--progress-address", progress)
    trainer = subprocess.Popen(
        (
            sys.executable,
            embedded_trainer.__file__,
            *("--epochs", "100000"),
            *("--control-port", control.rpartition(":")[2]),
            *("--progress-port", progress.rpartition(":")[2]),
        ),
        stdout=subprocess.DEVNULL,
    )
    try:
        with RunningWorker(*arguments, ports=ports) as worker:
            visit(browser, worker)
            browser.wait(lambda: browser.viewer()["epochs"] >= 3, "three epochs")
            before = browser.viewer()
            worker.interrupt(signal.SIGKILL)
            worker.ends()
        browser.wait_for("#state", "reconnecting")
        with RunningWorker(*arguments, ports=ports) as worker:
            browser.wait(
                lambda: browser.viewer().get("instance") not in (None, before["instance"]),
                "another instance",
            )
            browser.wait(lambda: browser.viewer()["epochs"] > before["epochs"] + 2, "more epochs")
            browser.press("#stop")
            browser.press("#confirm-yes")
            browser.wait_for("#answers", "has been asked to stop")
            assert ends(trainer.pid)
            trainer.wait(PATIENCE)
            assert worker.ends() == 0
            browser.wait_for("#state", "finished")
    finally:
        trainer.kill()
        trainer.wait()


def test_a_wrong_token_shows_no_page_and_says_what_to_do(browser, gate):
    with served("--", *shell("read line < $1", gate.path)) as worker:
        base = worker.link().partition("?")[0]
        for address in (base, f"{base}?token=wrong"):
            browser.open(address)
            assert "Open the link that the worker has printed" in browser.text("body")
        gate.open()
        assert worker.ends() == 0


def test_a_read_only_link_watches_and_cannot_stop(browser, gate):
    with served("--read-only-token", "random", "--", *shell("read line < $1", gate.path)) as worker:
        visit(browser, worker, what="watch it at ")
        browser.wait_for("#state", "waiting")
        for button in ("#stop", "#cancel"):
            assert not browser.find(button).is_enabled()
        # Also a page that is tampered with orders nothing.
        browser.run("window.viewer.send('JOB_CANCEL')")
        browser.wait_for("#answers", "may watch")
        gate.open()
        assert worker.ends() == 0


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
    with served("--", *shell("read line < $1", gate.path)) as worker:
        base = visit(browser, worker).partition("/?")[0]
        page = EVIL.replace("BASE", base).replace("WS", base.replace("http", "ws"))

        class Evil(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *arguments):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Evil)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            browser.open(f"http://localhost:{server.server_port}/")
            browser.wait(lambda: browser.driver.title.count(",") == 3, "four answers")
            assert "!" not in browser.driver.title
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        gate.open()
        assert worker.ends() == 0


def test_numbers_that_are_none_are_gaps_and_a_warning(browser, tmp_path, gate):
    run = [
        '{"what": "", "event": "train_begin", "logs": null, "wandb_url": null}',
        *(
            message
            for epoch, loss in enumerate(["0.5", "NaN", "Infinity", "0.25"])
            for message in (
                f'{{"what": "", "event": "epoch_begin", "logs": null, "epoch": {epoch}}}',
                f'{{"what": "", "event": "epoch_end", "epoch": {epoch}, "logs": '
                f'{{"train/loss": {loss}, "val/loss": {loss}, "x": "NaN, \\"NaN\\""}}}}',
            )
        ),
        "no json at all",
        '{"what": "", "event": "train_end", "logs": null}',
    ]
    with served("--", *sends(tmp_path, run, gate.path)) as worker:
        visit(browser, worker)
        browser.wait(lambda: browser.viewer()["reports"] == len(run), "all reports")
        assert browser.viewer()["epochs"] == 4
        browser.wait_for("#warnings", "NaN")
        browser.wait_for("#best", "epoch 4 ")
        gate.open()
        assert worker.ends() == 0
        browser.wait_for("#state", "finished")
    assert browser.complaints() == []


def test_the_models_of_a_pipeline_come_one_after_the_other(browser, tmp_path, gate):
    run = recorded_run("sleap_nn_full_run")
    second = recorded_run("sleap_nn_stopped_run")
    with served("--", *sends(tmp_path, [*run, *second], gate.path)) as worker:
        visit(browser, worker)
        browser.wait(lambda: browser.viewer()["models"] == 2, "two models")
        browser.wait_for("#models", "2")
        browser.picture("pipeline")
        gate.open()
        assert worker.ends() == 0


def test_a_failure_is_shown_with_its_cause_advice_and_last_lines(browser):
    script = "echo one; echo 'RuntimeError: CUDA out of memory. <b>Tried</b>'; exit 1"
    with served("--keep-open", "--", *shell(script)) as worker:
        visit(browser, worker)
        browser.wait_for("#state", "failed")
        report = browser.wait_for("#report", "the GPU ran out of memory")
        assert "batch size" in report
        browser.wait_for("#output", "<b>Tried</b>")
        browser.picture("failed")
        worker.ctrl_c()
        assert worker.ends() == 1


def test_the_output_has_its_lines_and_its_progress_bar(browser, gate):
    script = (
        "printf 'one\\n\\033[31mred\\033[0m <img src=x onerror=alert(1)>\\n 10%%\\r 20%%\\r'; "
        "read line < $1; printf ' 30%%\\r'; sleep 0.5; printf 'done\\n'; read line < $1"
    )
    with served("--", *shell(script, gate.path)) as worker:
        visit(browser, worker)
        text = browser.wait_for("#output", "20%")
        assert "one" in text
        assert "red <img src=x onerror=alert(1)>" in text
        assert "10%" not in text
        gate.open()
        browser.wait_for("#output", "30%")
        browser.wait_for("#output", "done")
        assert "30%" not in browser.text("#output")
        gate.open()
        assert worker.ends() == 0


def test_a_finished_run_is_replayed(browser, tmp_path):
    journal = tmp_path / "run.jsonl"
    with RunningWorker("--no-page", "--epochs", "3", "--journal", str(journal)) as worker:
        assert worker.ends() == 0
    with served("--replay", str(journal), ports=()) as replay:
        visit(browser, replay)
        browser.wait_for("#state", "finished")
        assert browser.viewer()["epochs"] == 3
        assert browser.viewer()["reports"] == worker.count("received from the trainer")
        for size, name in (((360, 780), "phone"), ((1440, 900), "desk")):
            browser.size(*size)
            browser.wait(lambda: drawn(browser) >= 3, "curves")
            browser.picture(f"replay-{name}")
            wide = browser.run("return document.documentElement.scrollWidth > innerWidth")
            assert not wide, "it scrolls sideways"
        replay.ctrl_c()
        assert replay.ends() == 0


def test_a_recording_without_an_end_says_so_and_takes_no_orders(browser, tmp_path):
    journal = tmp_path / "run.jsonl"
    run = recorded_run("sleap_nn_full_run")[:200]
    lines = [
        json.dumps({"sequence": number + 1, "time": 1e9 + number, "message": message})
        for number, message in enumerate(run)
    ]
    journal.write_text("\n".join(lines))
    with served("--replay", str(journal), ports=()) as replay:
        visit(browser, replay)
        browser.wait_for("#state", "recorded until")
        browser.wait(lambda: browser.viewer()["reports"] == len(run), "all reports")
        browser.wait_for("#elapsed", "3 min 19 s")
        for button in ("#stop", "#cancel"):
            assert not browser.find(button).is_enabled()
        browser.wait_for("#control-reason", "a recording")
        replay.ctrl_c()
        assert replay.ends() == 0


def test_a_hundred_thousand_batches_stay_smooth(browser, tmp_path, gate):
    run = ['{"what": "", "event": "train_begin", "logs": null, "wandb_url": null}']
    for epoch in range(100):
        run.append(json.dumps({"what": "", "event": "epoch_begin", "logs": None, "epoch": epoch}))
        run += [
            f'{{"what": "", "event": "batch_end", "logs": {{"loss": {1 / (epoch + 1 + b / 1000)}}},'
            f' "epoch": {epoch}, "batch": {b}}}'
            for b in range(1000)
        ]
        logs = {"train/loss": 1 / (epoch + 1), "val/loss": 1.1 / (epoch + 1)}
        run.append(json.dumps({"what": "", "event": "epoch_end", "epoch": epoch, "logs": logs}))
    with served("--", *sends(tmp_path, run, gate.path)) as worker:
        visit(browser, worker)
        browser.wait(lambda: browser.viewer().get("epochs") == 100, "all epochs")
        browser.wait(lambda: drawn(browser) >= 3, "curves")
        points = browser.run("return document.querySelectorAll('#chart path.point').length")
        assert points < 10_000
        browser.picture("many-batches")
        gate.open()
        assert worker.ends() == 0


def test_it_can_be_used_with_the_keyboard_alone(browser):
    with served("--epochs", "1000") as worker:
        visit(browser, worker)
        browser.wait(lambda: browser.viewer()["epochs"] >= 1, "an epoch")
        keys = browser.find("body")
        seen = []
        for _ in range(60):
            keys.send_keys("\ue004")  # tab
            seen.append(browser.run("return document.activeElement.id"))
            if seen[-1] == "stop":
                break
            keys = browser.driver.switch_to.active_element
        assert seen[-1] == "stop", seen
        browser.driver.switch_to.active_element.send_keys("\ue007")  # enter
        browser.wait(lambda: browser.run("return document.querySelector('#confirm').open"))
        browser.driver.switch_to.active_element.send_keys("\ue00c")  # escape
        browser.wait(lambda: not browser.run("return document.querySelector('#confirm').open"))
        assert browser.run("return document.activeElement.id") == "stop"
        worker.ctrl_c()
        assert worker.ends() == 0
