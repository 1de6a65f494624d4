"""Another training reports to the worker's addresses: one that was there before, or comes later."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.addresses import fixed_addresses
from tests.support.journals import messages_of
from tests.support.page_client import PageClient
from tests.support.processes import runs, shell
from tests.support.running_worker import PAGE, PROGRAM, TABLES, RunningWorker, at
from tests.support.strangers import NOBODY, needs_root, orphan, trainer_at, trainer_of_user
from tests.support.trainer_process import trainer
from tests.support.waiting import settled

CONNECTED = "the trainer has connected"

WITHOUT_END = trainer("send-every:0.05")

Addresses = tuple[str, str]


@pytest.fixture
def addresses() -> Addresses:
    control, progress = fixed_addresses(2)
    return control, progress


@contextmanager
def leftover_at(addresses: Addresses) -> Iterator[int]:
    """The pid of a training whose worker has been killed; at the end it has been left alone.

    Its run is kept nowhere: it is found by its connection alone.
    """
    options = ("--no-page", "--no-record")
    with RunningWorker(*options, "--", *WITHOUT_END, ports=at(*addresses)) as killed:
        killed.wait_for(CONNECTED)
        pid = killed.training()
        killed.kill()
        yield pid
        assert runs(pid)


def connections(worker: RunningWorker) -> int:
    """How often it is said that the trainer has connected."""
    return worker.output.count(CONNECTED)


def test_a_training_is_not_started_where_another_one_reports(addresses, tmp_path):
    started = tmp_path / "started"
    steps = trainer(f"touch:{started}")
    with (
        leftover_at(addresses) as pid,
        RunningWorker("--no-page", "--", *steps, ports=at(*addresses), program=PROGRAM) as worker,
    ):
        assert worker.ends() == 2
    error = worker.wait_for("the training was not started: ")
    assert f"process {pid}, python" in error
    assert f"reports to {addresses[1]}: end it, or use another address" in error
    assert "--adopt" in worker.output
    assert "--any-port" in worker.output
    assert connections(worker) == 0
    assert not started.exists()


def test_with_any_port_it_is_started_at_free_ones_and_nothing_is_mixed_in(addresses):
    steps = trainer("send:3", "leave", "exit:7")
    with (
        leftover_at(addresses) as pid,
        RunningWorker(
            "--any-port", "--no-page", *TABLES, "--", *steps, ports=at(*addresses), program=PROGRAM
        ) as worker,
    ):
        assert worker.ends() == 7, worker.output
    warning = worker.wait_for("free ports are used instead")
    assert f"process {pid}, python" in warning
    assert worker.count("received from the trainer") == 3
    assert connections(worker) == 1


def test_a_start_costs_a_training_whose_run_is_not_found_no_report(addresses, gate, tmp_path):
    sent, journal = tmp_path / "sent", tmp_path / "run.jsonl"
    steps = ("send:3", "print:before", f"read:{gate.path}", "send:40", f"touch:{sent}")
    options = ("--no-page", "--no-record")
    with RunningWorker(
        *options, "--", *trainer(*steps, f"read:{gate.path}"), ports=at(*addresses)
    ) as killed:
        killed.wait_for("before")
        pid = killed.training()
        killed.kill()
        gate.open()
        assert settled(sent.exists)
        for port, code in ((), 2), (("--any-port",), 0):
            command = (*options, *port, "--", *shell("exit 0"))
            with RunningWorker(*command, ports=at(*addresses), program=PROGRAM) as worker:
                assert worker.ends() == code, worker.output
            assert f"process {pid}, python" in worker.output
        adopts = (*options, "--adopt", "--journal", str(journal))
        with RunningWorker(*adopts, ports=at(*addresses), program=PROGRAM):
            assert settled(lambda: journal.exists() and len(reports_in(journal)) >= 40)
            assert len(reports_in(journal)) <= 43


def reports_in(journal: Path) -> list[dict]:
    """The trainer's reports that are in it."""
    return [message for message in messages_of(journal) if message["what"] != "__meta__"]


def test_adopted_it_is_the_trainer(addresses):
    with (
        leftover_at(addresses),
        RunningWorker("--adopt", *PAGE, ports=at(*addresses), program=PROGRAM) as worker,
    ):
        worker.wait_for(CONNECTED)
        with PageClient(worker.link(), "a-client") as client:
            client.wait_for_reports(20)
        assert "is not of this training" not in worker.output


def set_lr(client):
    """The answer to an order that ends no training."""
    before = [event for event in client.events if event["event"] == "control"]
    client.send('CONTROL_COMMAND::{"command": "set_lr", "lr": 0.1}')
    return client.wait_for(
        lambda: next(
            (e for e in client.events if e["event"] == "control" and e not in before), None
        )
    )


def test_one_that_comes_later_is_warned_of_and_is_named_in_the_answer_to_a_stop(addresses, gate):
    steps = trainer("send:1", f"read:{gate.path}", "leave", "exit:0")
    with RunningWorker(*PAGE, "--", *steps, ports=at(*addresses)) as worker:
        worker.wait_for(CONNECTED)
        with (
            PageClient(worker.link(), "a-client") as client,
            orphan(*trainer_at(*addresses, "send-every:0.05")) as pid,
        ):
            warning = worker.wait_for("is not of this training: ")
            assert f"process {pid}, python" in warning
            # That is said of the socket that it joined first, and the answer is the other one's.
            assert settled(lambda: f"process {pid}, python" in set_lr(client)["text"], every=0.5)
            client.send("JOB_STOP")
            answer = client.wait_for_event("control", command="stop", step="sent")
            assert "the trainer has been asked to stop" in answer["text"]
            assert f"process {pid}, python" in answer["text"]
            assert "may stop by it too" in answer["text"]
            assert connections(worker) == 1
        gate.open()
        assert worker.ends() == 0, worker.output


def test_the_answer_to_a_stop_says_when_a_stranger_alone_could_hear_it(addresses, gate, tmp_path):
    heard = tmp_path / "heard"
    steps = trainer("send:1", f"read:{gate.path}", "leave", f"read:{gate.path}", "exit:0")
    ports = at(*addresses)
    with RunningWorker(*PAGE, "--log-level", "info", "--", *steps, ports=ports) as worker:
        worker.wait_for(CONNECTED)
        with (
            PageClient(worker.link(), "a-client") as client,
            orphan(*trainer_at(*addresses, f"write:{heard}")) as pid,
        ):
            worker.wait_for("is not of this training: ")
            gate.open()
            worker.wait_for("trainer disconnected")
            client.send("JOB_STOP")
            answer = client.wait_for_event("control", step="held")
            assert f"process {pid}, python" in answer["text"]
            assert "alone could hear it now, and is not of this training" in answer["text"]
            gate.open()
            assert worker.ends() == 0, worker.output
    assert not heard.exists()


def test_a_trainer_in_no_tree_of_ours_is_trusted_as_one_in_a_container(addresses, gate):
    command = shell("read line < $1", gate.path)
    options = (*PAGE, "--log-level", "debug")
    with RunningWorker(*options, "--", *command, ports=at(*addresses)) as worker:
        worker.wait_for("training started")
        with (
            PageClient(worker.link(), "a-client") as client,
            orphan(*trainer_at(*addresses, "send-every:0.05")) as pid,
        ):
            client.wait_for_reports(20)
            worker.wait_for(CONNECTED)
            assert "is trusted: its kinship is OTHER" in worker.wait_for(f"process {pid}, python")
        gate.open()
        assert worker.ends() == 0, worker.output
    assert "is not of this training" not in worker.output


@needs_root
def test_a_trainer_that_runs_as_another_user_is_ours():
    steps = ("send-evenly:100:50", "leave", "exit:0")
    command = trainer_of_user(NOBODY, "{control_port}", "{progress_port}", *steps)
    with RunningWorker("--no-page", "--", *command) as worker:
        assert worker.ends() == 0, worker.output
    assert worker.count("received from the trainer") == 50
    assert "is not of this training" not in worker.output
