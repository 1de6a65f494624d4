"""The page in a real browser, in front of the complete worker: what it shows of a training."""

import json

from tests.support.changed_worker import unchecked
from tests.support.processes import shell
from tests.support.recorded_runs import recorded_run
from tests.support.running_worker import PROMPT, RunningWorker
from tests.support.visits import BOTH, NAMES, drawn, sends, served, visit


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
    flooded = unchecked(PROMPT)
    with served("--", *sends(tmp_path, run, gate.path), program=flooded) as worker:
        visit(browser, worker)
        browser.wait(lambda: browser.viewer().get("epochs") == 100, "all epochs")
        browser.wait(lambda: drawn(browser) >= 3, "curves")
        assert browser.viewer()["points"] < 10_000
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


def test_all_bars_of_a_changing_block_are_shown(browser, gate):
    script = (
        "printf 'begin\n\router 0/3\n\rinner 1/2\033[A'; read line < $1; "
        "printf '\n\rinner 2/2\033[A\n\r         \033[A\router 1/3'; read line < $1"
    )
    with served("--", *shell(script, gate.path)) as worker:
        visit(browser, worker)
        browser.wait_for("#output", "begin outer 0/3 inner 1/2")
        assert browser.run("return document.querySelectorAll('.changing .line').length") == 2
        gate.open()
        browser.wait_for("#output", "begin outer 1/3")
        assert browser.text("#output") == "begin outer 1/3"
        gate.open()
        assert worker.ends() == 0
