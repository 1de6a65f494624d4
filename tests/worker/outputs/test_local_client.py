"""A client on this machine, over a real WebRTC connection."""

from collections.abc import Iterator

import pytest

from actors.worker.outputs import LocalClient
from messages import ClientGone, decode_event, decode_report
from tests.support.probe import Probe
from tests.support.recorded_runs import recorded_run
from tests.support.reporting import start, status, stop, trainer_for
from tests.support.texts import reports
from tests.support.waiting import PATIENCE


class Screen:
    """Takes texts, and keeps the reports."""

    def __init__(self) -> None:
        self.reports: Probe[str] = Probe()

    def send(self, text: str) -> None:
        report = decode_report(text)
        assert report is not None
        if decode_event(report) is None:
            self.reports.tell(report)


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def client(loop_thread, supervisor, screen) -> Iterator[LocalClient]:
    """A client that the supervisor has been given."""

    async def make() -> LocalClient:
        client = LocalClient(client_id="local", screen=screen)
        await client.connect(supervisor)
        return client

    client = loop_thread.run(make())
    yield client
    loop_thread.run(client.close())


def test_every_report_comes_in_order_and_unchanged(supervisor, client, screen, loop_thread):
    ready = start(supervisor)
    messages = recorded_run("sleap_nn_stopped_run")
    with trainer_for(ready) as trainer:
        trainer.send(*messages)
    summary = stop(supervisor).summary
    assert loop_thread.run(client.received(len(messages), timeout=PATIENCE))
    assert screen.reports.drain() == messages
    assert (summary.received, summary.forwarded, summary.failed) == (len(messages),) * 2 + (0,)


def test_a_report_comes_while_the_training_runs(supervisor, client, screen):
    with trainer_for(start(supervisor)) as trainer:
        for report in reports(3):
            trainer.send(report)
            screen.reports.expect(report)


def test_more_reports_than_have_come_are_not_received(supervisor, client, loop_thread):
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(2))
    stop(supervisor)
    assert loop_thread.run(client.received(2, timeout=PATIENCE))
    assert not loop_thread.run(client.received(3, timeout=0.05))


def test_no_reports_are_received_at_once(client, loop_thread):
    assert loop_thread.run(client.received(0, timeout=0))


def test_the_supervisor_has_the_client_as_soon_as_it_is_connected(supervisor, client):
    [attached] = status(supervisor).clients
    assert attached.client_id == "local"


def test_a_client_that_is_closed_is_gone_for_the_supervisor(supervisor, client, owner, loop_thread):
    status(supervisor)
    loop_thread.run(client.close())
    assert owner.wait_for(ClientGone).client_id == "local"
