"""Addresses in use: reporting does not start, or goes elsewhere and says so."""

import os
from contextlib import ExitStack

import pykka
import pytest

from actors import PortConflict
from messages import Phase, ReportingDegraded, ReportingFailed
from tests.support.addresses import FREE_PORT, fixed_addresses, occupied
from tests.support.channel import FakeChannel
from tests.support.crashes import SOCKETS, is_heard, obeys, obeys_again
from tests.support.reporting import ask_start, attach_client, start, status, stop, trainer_for
from tests.support.texts import forwarded, reports


@pytest.fixture
def supervisor_on(new_supervisor):
    """Makes supervisors on these addresses."""

    def supervisor_on(control, progress, on_port_conflict):
        return new_supervisor(
            control_address=control,
            progress_address=progress,
            on_port_conflict=on_port_conflict,
        )

    return supervisor_on


def test_a_failure_names_the_address_and_the_process_that_holds_it(supervisor_on):
    (address,) = fixed_addresses(1)
    with occupied(address):
        failed = ask_start(supervisor_on(FREE_PORT, address, PortConflict.FAIL))
    assert isinstance(failed, ReportingFailed)
    assert f"{address}: the address is in use by process {os.getpid()}" in failed.reason


@pytest.mark.parametrize("taken", [(0,), (1,), (0, 1)], ids=["control", "progress", "both"])
def test_free_ports_are_taken_said_and_used(supervisor_on, taken):
    addresses = fixed_addresses(2)
    supervisor = supervisor_on(*addresses, PortConflict.FREE)
    with ExitStack() as others:
        for at in taken:
            others.enter_context(occupied(addresses[at]))
        ready = start(supervisor)
        bound = [ready.control_address, ready.progress_address]
        for at in (0, 1):
            assert (bound[at] == addresses[at]) is (at not in taken)
        assert [c.split()[0] for c in ready.conflicts] == [addresses[at] for at in taken]
        channel = FakeChannel()
        attach_client(supervisor, channel)
        with trainer_for(ready) as trainer:
            trainer.send(*reports(3))
            assert channel.wait_for_count(3) == forwarded(reports(3))
            assert obeys(supervisor, trainer)
        stop(supervisor)
    assert start(supervisor, "job-2").conflicts == ()


def test_addresses_that_are_free_are_no_conflict(supervisor_on):
    addresses = fixed_addresses(2)
    ready = start(supervisor_on(*addresses, PortConflict.FREE))
    assert [ready.control_address, ready.progress_address] == addresses
    assert ready.conflicts == ()


@pytest.mark.parametrize("actor", SOCKETS)
def test_a_crashed_child_goes_back_to_the_port_that_was_said(supervisor_on, owner, actor):
    addresses = fixed_addresses(2)
    supervisor, channel = supervisor_on(*addresses, PortConflict.FREE), FakeChannel()
    attach_client(supervisor, channel)
    with occupied(addresses[0]), occupied(addresses[1]):
        ready = start(supervisor)
        with trainer_for(ready) as trainer:
            (ref,) = pykka.ActorRegistry.get_by_class_name(actor)
            ref.tell(object())
            owner.wait_for(ReportingDegraded)
            assert is_heard(channel, trainer)
            assert obeys_again(supervisor, trainer)
        found = status(supervisor)
        assert found.phase is Phase.REPORTING
        assert found.addresses is not None
        assert found.addresses.control == ready.control_address
        assert found.addresses.progress == ready.progress_address
