"""A port that somebody else has: at the start, and when a crashed part is started again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.addresses import fixed_addresses, is_free, occupied, port_of
from tests.support.changed_worker import CRASH, changed
from tests.support.page_client import PageClient
from tests.support.processes import shell
from tests.support.running_worker import PAGE, RunningWorker, at
from tests.support.texts import reports
from tests.support.trainer_process import trainer
from tests.support.waiting import settled


@pytest.mark.parametrize("taken", ["control", "progress"])
def test_a_port_that_is_taken_at_the_start_is_named_with_its_holder_and_nothing_is_left(taken):
    addresses = dict(zip(("control", "progress", "page"), fixed_addresses(3), strict=True))
    ports = at(addresses["control"], addresses["progress"])
    page = ("--port", str(port_of(addresses["page"])))
    with occupied(addresses[taken]):
        with RunningWorker(*page, "--", *shell("echo never"), ports=ports) as worker:
            assert worker.ends() == 2, worker.output
            assert worker.leaves_nothing()
        assert f"in use by process {os.getpid()}" in " ".join(worker.output.split())
        assert "never" not in worker.output
    for address in addresses.values():
        with occupied(address):  # the others have been let go of
            pass


def test_a_port_that_a_thief_takes_at_a_restart_ends_the_reports_and_not_the_training(new_gate):
    address, crashed, trained = fixed_addresses(1)[0], new_gate(), new_gate()
    ports = at(progress=address)
    steps = trainer("send:200", f"say:{CRASH}", f"read:{trained.path}", "send:5", "exit:4")
    program = changed(crash=crashed.path, resigned=10)
    with RunningWorker(*PAGE, "--", *steps, program=program, ports=ports) as worker:
        with PageClient(worker.link(), "a-client") as client:
            worker.wait_for("the socket is closed")
            with stolen(address):
                crashed.open()
                warning = client.wait_for(lambda: without_reports(client))
                assert f"in use by process {os.getpid()}" in warning
                client.send("JOB_STOP")
                client.wait_for_event("control", command="stop", step="refused")
                client.wait_for(lambda: client.states[-2] == "stopping")  # and it was left
                trained.open()
                assert worker.ends() == 4, worker.output
            assert client.reports == reports(200)
            ended = client.wait_for_event("ended")
        assert worker.leaves_nothing()
    assert (ended["exit_code"], ended["train_end"]) == (4, False)
    assert "the training goes on without reports" in worker.output


def test_a_port_that_comes_back_in_time_is_bound_again_and_the_reports_go_on(new_gate):
    address, crashed = fixed_addresses(1)[0], new_gate()
    ports = at(progress=address)
    steps = trainer("send:200", f"say:{CRASH}", "join", "send:100", "leave", "exit:4")
    program = changed(crash=crashed.path)
    with RunningWorker(*PAGE, "--", *steps, program=program, ports=ports) as worker:
        with PageClient(worker.link(), "a-client") as client:
            worker.wait_for("the socket is closed")
            with stolen(address):
                crashed.open()
                worker.wait_for("progress listener failed")
            assert worker.ends() == 4, worker.output
            assert client.reports == reports(300)
        assert worker.leaves_nothing()


@contextmanager
def stolen(address: str) -> Iterator[None]:
    """Somebody else has ``address`` as soon as ZeroMQ has let go of it."""
    assert settled(lambda: is_free(address))
    with occupied(address):
        yield


def without_reports(client: PageClient) -> str:
    texts = [e["text"] for e in client.events if e["event"] == "warning"]
    return next((text for text in texts if "goes on without reports" in text), "")
