"""The page in a real browser: connections that are lost and made again."""

from tests.support.addresses import fixed_addresses, port_of
from tests.support.changed_worker import changed
from tests.support.embedded_run import embedded_trainer
from tests.support.network import Network
from tests.support.running_worker import RunningWorker, at
from tests.support.visits import BOTH, served, visit
from tests.support.waiting import PATIENCE


@BOTH
def test_a_page_that_is_reloaded_in_mid_run_has_the_run_from_its_first_message(browser, transport):
    with served("--epochs", "1000") as worker:
        visit(browser, worker, transport)
        browser.wait(lambda: browser.viewer()["epochs"] >= 3, "three epochs")
        for _ in range(2):
            browser.driver.refresh()
            browser.wait(lambda: browser.viewer().get("epochs", 0) >= 3, "three epochs again")
            browser.wait(lambda: browser.viewer()["connected"], "connected again")
        worker.ctrl_c()
        assert worker.ends() == 0
        browser.wait_for("#state", "stopped early")
    assert browser.viewer()["reports"] == worker.count("received from the trainer")


@BOTH
def test_a_network_that_was_away_costs_nothing(browser, transport):
    with served("--epochs", "1000") as worker:
        link = worker.link()
        port = port_of(link)
        with Network(port) as network:
            through = link.replace(f":{port}/", f":{network.port}/")
            browser.open(f"{through}&transport={transport}")
            browser.wait(lambda: browser.viewer().get("epochs", 0) >= 2, "two epochs")
            browser.wait(lambda: browser.viewer()["connected"], "connected")
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
            browser.wait_for("#state", "stopped early")
    assert browser.viewer()["reports"] == worker.count("received from the trainer")


def test_a_worker_that_is_killed_and_started_again_is_found_again(browser, tmp_path):
    control, progress, page = fixed_addresses(3)
    port = str(port_of(page))
    arguments = (
        *("--adopt", "--journal", str(tmp_path / "run.jsonl"), "--port", port),
        *("--token", "the token of this test"),
    )
    ports = at(control, progress)
    with embedded_trainer(control, progress) as trainer:
        with RunningWorker(*arguments, ports=ports) as worker:
            visit(browser, worker)
            browser.wait(lambda: browser.viewer()["epochs"] >= 3, "three epochs")
            before = browser.viewer()
            worker.kill()
        browser.wait_for("#state", "reconnecting")
        with RunningWorker(*arguments, ports=ports, program=changed(hasty=1.0)) as worker:
            browser.wait(
                lambda: browser.viewer().get("instance") not in (None, before["instance"]),
                "another instance",
            )
            browser.wait(lambda: browser.viewer()["epochs"] > before["epochs"] + 2, "more epochs")
            browser.press("#stop")
            browser.press("#confirm-yes")
            browser.wait_for("#answers", "has been asked to stop")
            trainer.wait(PATIENCE)
            assert worker.ends() == 0
            browser.wait_for("#state", "stopped early")
