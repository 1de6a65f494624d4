"""A trainer that is killed, that hangs, that is deaf, or that is gone before it was heard."""

import json
import os
import signal

from tests.support.changed_worker import changed, unchecked
from tests.support.page_client import PageClient
from tests.support.processes import ends
from tests.support.running_worker import PAGE, RunningWorker
from tests.support.texts import reports
from tests.support.trainer_process import trainer


def test_a_killed_trainer_is_reported_with_the_cause_and_the_client_has_all_that_came(gate):
    steps = trainer("send:500", f"read:{gate.path}", "send-every:0.002")
    with RunningWorker(*PAGE, "--", *steps) as worker, PageClient(worker.link(), "a-client") as c:
        pid = trainer_of(c)
        c.wait_for_reports(500)
        gate.open()
        c.wait_for_reports(600)
        os.kill(pid, signal.SIGKILL)
        end = c.wait_for_event("ended")
        assert worker.ends() == 128 + signal.SIGKILL, worker.output
        assert worker.leaves_nothing()
        assert c.reports == reports(worker.count("received from the trainer"))
    assert (end["outcome"], end["signal"], end["train_end"]) == ("failed", "SIGKILL", False)
    assert "the trainer was ended by SIGKILL" in worker.output


def test_a_trainer_that_hangs_is_killed_after_the_grace_time_and_the_page_stays_alive():
    steps = trainer("send:100", "print:sent", "send-every:0.005")
    options = (*PAGE, "--grace", "0.5")
    with RunningWorker(*options, "--", *steps) as worker:
        with PageClient(worker.link(), "the-first") as client:
            pid = trainer_of(client)
            client.wait_for_reports(150)
            os.kill(pid, signal.SIGSTOP)
            with PageClient(worker.link(), "a-late-one") as late:  # the page is alive
                late.wait_for_reports(150)
                late.send("JOB_CANCEL")
                for step in ("terminating", "killing"):
                    client.wait_for_event("control", step=step, by="control-a-late-one")
                assert client.wait_for_event("ended")["outcome"] == "cancelled"
            assert worker.ends() == 128 + signal.SIGTERM, worker.output
            assert client.reports == reports(worker.count("received from the trainer"))
        assert worker.leaves_nothing()
        assert ends(pid)


def test_a_trainer_that_is_deaf_to_stop_and_term_is_killed_after_the_grace_time():
    steps = trainer("ignore-term", "send:10", "print:deaf", "send-every:0.01")
    with RunningWorker(*PAGE, "--grace", "0.5", "--", *steps) as worker:
        with PageClient(worker.link(), "a-client") as client:
            worker.wait_for("deaf")
            client.send('CONTROL_COMMAND::{"command": "stop"}')
            client.wait_for_event("control", command="stop", step="sent")
            asked = len(client.reports)
            client.wait_for_reports(asked + 20)  # it trains on
            client.send("JOB_CANCEL")
            client.wait_for_event("control", step="killing")
            assert worker.ends() == 128 + signal.SIGTERM, worker.output
            assert client.reports == reports(worker.count("received from the trainer"))
        assert worker.leaves_nothing()


def test_all_arrives_of_a_trainer_that_exits_while_20_000_messages_are_unread(new_gate):
    trainers, workers = new_gate(), new_gate()
    steps = trainer(f"read:{trainers.path}", "send:20000", "leave", "exit:3")
    program = unchecked(changed(stuck=workers.path))
    with RunningWorker(*PAGE, "--", *steps, program=program) as worker:
        with PageClient(worker.link(), "a-client") as client:
            pid = trainer_of(client)
            client.wait_for_event("state", state="training")
            worker.interrupt(signal.SIGUSR1)
            worker.wait_for("stands still")
            trainers.open()
            assert ends(pid)
            assert client.reports == []
            workers.open()
            assert client.wait_for_reports(20_000) == reports(20_000)
            assert worker.ends() == 3, worker.output
            assert len(client.reports) == 20_000
        assert worker.leaves_nothing()
    assert worker.count("received from the trainer") == 20_000


def trainer_of(client: PageClient) -> int:
    """The trainer's process, as the client is told."""

    def pid() -> int:
        started = [e["text"] for e in client.events if "training started" in json.dumps(e)]
        return int(started[0].split("process ")[1].rstrip(")")) if started else 0

    return client.wait_for(pid)
