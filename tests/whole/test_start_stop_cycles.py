"""Reporting starts and stops any number of times on the same ports, in one process."""

import pytest

from tests.support.addresses import fixed_addresses
from tests.support.channel import FakeChannel
from tests.support.descriptors import open_sockets
from tests.support.reporting import attach_client, start, stop, trainer_for
from tests.support.texts import forwarded, reports


@pytest.fixture
def on_fixed_ports(new_supervisor):
    control, progress = fixed_addresses(2)
    return new_supervisor(control_address=control, progress_address=progress)


def test_a_thousand_starts_and_stops_on_the_same_ports_leave_nothing(on_fixed_ports, loop_thread):
    first = start(on_fixed_ports)
    stop(on_fixed_ports)
    before = open_sockets()
    for number in range(1_000):
        ready = start(on_fixed_ports, f"job-{number}")
        assert ready.control_address == first.control_address
        assert ready.progress_address == first.progress_address
        stop(on_fixed_ports, f"job-{number}")
    assert open_sockets() == before
    assert loop_thread.tasks() == set()


def test_fifty_trainers_one_after_another_on_the_same_ports_are_all_reported(on_fixed_ports):
    run = reports(500)
    channel = FakeChannel()
    attach_client(on_fixed_ports, channel)
    for number in range(50):
        with trainer_for(start(on_fixed_ports, f"job-{number}")) as trainer:
            trainer.send(*run[number * 10 : number * 10 + 10])
        assert stop(on_fixed_ports, f"job-{number}").summary.forwarded == 10
    assert channel.sent == forwarded(run)
