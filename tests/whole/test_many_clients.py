"""Many clients: of those that come and go, and of those that never open, little is kept."""

import gc

import pykka
import pytest

from actors.supervisor.clients import GONE_LIMIT, Clients
from messages import AttachClient, ClientGone, DetachClient, ReportingSummary
from tests.support.channel import FakeChannel
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, stop, trainer_for
from tests.support.settings import on_free_ports
from tests.support.texts import forwarded, reports
from tests.support.waiting import settled

OPEN_TIMEOUT = 0.5
"""Seconds that a channel has for opening: more than a busy machine takes to let one open."""


@pytest.fixture
def settings():
    return on_free_ports(open_timeout=OPEN_TIMEOUT)


def test_of_clients_that_come_and_go_a_thousand_are_remembered_and_all_are_counted(supervisor):
    count, detached = GONE_LIMIT + 500, Probe()
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(2))
        assert settled(lambda: status(supervisor).received == 2)
        for number in range(count):
            channel, client_id = FakeChannel(), f"client {number}"
            supervisor.tell(AttachClient(channel=channel, client_id=client_id))
            channel.wait_for_count(2)
            supervisor.tell(DetachClient(client_id=client_id, reply_to=detached))
            detached.get()
        gc.collect()  # what other tests have left
        found = [len(it._clients) for it in gc.get_objects() if isinstance(it, Clients)]
        assert max(found) == GONE_LIMIT
        again, forgotten = FakeChannel(), FakeChannel()
        attach_client(supervisor, again, f"client {count - 1}")
        attach_client(supervisor, forgotten, "client 0")
        trainer.send(*reports(1, first=2))
        assert again.wait_for_count(1) == forwarded(reports(1, first=2))
        assert forgotten.wait_for_count(3) == forwarded(reports(3))
    summary = ReportingSummary(received=3, forwarded=2 * count + 1 + 3)
    assert stop(supervisor).summary == summary


def test_a_channel_that_does_not_open_in_time_is_gone_and_costs_nothing(supervisor, owner):
    late, in_time = FakeChannel("connecting"), FakeChannel("connecting")
    attach_client(supervisor, late, "late")
    attach_client(supervisor, in_time, "in time")
    in_time.readyState = "open"  # without announcing it
    assert owner.wait_for(ClientGone) == ClientGone(
        client_id="late",
        reason=f"its channel has not opened within {OPEN_TIMEOUT} s: it is connecting",
    )
    assert settled(lambda: len(status(supervisor).clients) == 1)
    assert len(pykka.ActorRegistry.get_by_class_name("ClientChannelActor")) == 1
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(3))
        assert in_time.wait_for_count(3) == forwarded(reports(3))
    assert not [message for message in owner.drain() if isinstance(message, ClientGone)]
    assert late.sent == []


def test_it_is_looked_at_a_few_times_and_not_again_and_again(new_supervisor, owner):
    class Counting(FakeChannel):
        looks = 0

        @property
        def readyState(self):
            self.looks += 1
            return "connecting"

        @readyState.setter
        def readyState(self, _):
            pass

    supervisor = new_supervisor(open_timeout=OPEN_TIMEOUT)
    channel = Counting()
    supervisor.tell(AttachClient(channel=channel, client_id="alice"))
    owner.wait_for(ClientGone)
    assert channel.looks < 40
