"""A start that cannot be done is answered, and everything that it opened is closed again."""

import pytest

from messages import Phase, ReportingFailed
from tests.support.addresses import fixed_addresses, occupied
from tests.support.channel import FakeChannel
from tests.support.descriptors import open_sockets
from tests.support.reporting import ask_start, attach_client, start, status, stop, trainer_for
from tests.support.texts import forwarded

BOTH = ("control_address", "progress_address")


def reports_a_job(supervisor, job_id):
    """The supervisor does all of its work, from start to stop."""
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor, job_id)) as trainer:
        trainer.send("a report")
    assert stop(supervisor, job_id).summary.forwarded == 1
    assert channel.sent == forwarded(["a report"])


@pytest.mark.parametrize("which", BOTH)
def test_a_port_in_use_is_answered_with_its_address_and_all_is_closed_again(
    new_supervisor, loop_thread, which
):
    addresses = dict(zip(BOTH, fixed_addresses(2), strict=True))
    supervisor = new_supervisor(**addresses)
    status(supervisor)
    with occupied(addresses[which]):
        before = open_sockets()
        failed = ask_start(supervisor)

        assert isinstance(failed, ReportingFailed)
        assert failed.job_id == "job-1"
        assert addresses[which] in failed.reason
        assert "in use" in failed.reason
        assert open_sockets() == before
        assert loop_thread.tasks() == set()
        idle = status(supervisor)
        assert (idle.phase, idle.job_id, idle.addresses) == (Phase.IDLE, None, None)
        (other,) = set(BOTH) - {which}
        with occupied(addresses[other]):
            pass  # the one that was free has been let go of


@pytest.mark.parametrize("which", BOTH)
def test_a_new_supervisor_on_free_ports_works_after_a_port_was_in_use(new_supervisor, which):
    [address] = fixed_addresses(1)
    with occupied(address):
        assert isinstance(ask_start(new_supervisor(**{which: address})), ReportingFailed)
        reports_a_job(new_supervisor(), "job-1")


@pytest.mark.parametrize("which", BOTH)
def test_the_same_supervisor_works_once_the_port_is_free(new_supervisor, which):
    [address] = fixed_addresses(1)
    supervisor = new_supervisor(**{which: address})
    with occupied(address):
        for _ in range(2):
            assert isinstance(ask_start(supervisor), ReportingFailed)
    reports_a_job(supervisor, "job-1")


@pytest.mark.parametrize("which", BOTH)
@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "",
        "tcp://",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:99999999",
        "tcp://nohost.invalid:1",
        "tcp://192.0.2.77:9000",
        "carrier-pigeon://127.0.0.1:9000",
    ],
)
def test_an_address_that_cannot_be_bound_is_answered_by_name(
    new_supervisor, loop_thread, which, address
):
    supervisor = new_supervisor(**{which: address})
    status(supervisor)
    before = open_sockets()
    failed = ask_start(supervisor)
    assert isinstance(failed, ReportingFailed)
    assert address in failed.reason
    assert ("control" if which == "control_address" else "progress") in failed.reason
    assert open_sockets() == before
    assert loop_thread.tasks() == set()


def test_the_same_fixed_port_for_both_sockets_is_answered(new_supervisor):
    [address] = fixed_addresses(1)
    failed = ask_start(new_supervisor(control_address=address, progress_address=address))
    assert isinstance(failed, ReportingFailed)
    assert "progress" in failed.reason
    assert address in failed.reason


@pytest.mark.parametrize("gui", [True, False])
def test_a_start_while_a_job_is_reported_is_refused_and_the_job_goes_on(supervisor, gui):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        for job_id in ("job-2", "job-1"):
            failed = ask_start(supervisor, job_id, gui=gui)
            assert isinstance(failed, ReportingFailed)
            assert failed.job_id == job_id
            assert "job job-1 is being reported" in failed.reason
        trainer.send("still reported")
        channel.wait_for_count(1)
    assert stop(supervisor).summary.forwarded == 1


def test_two_supervisors_report_two_jobs_at_once(new_supervisor):
    first, second = new_supervisor(), new_supervisor()
    channels = FakeChannel(), FakeChannel()
    attach_client(first, channels[0])
    attach_client(second, channels[1])
    with trainer_for(start(first)) as one, trainer_for(start(second)) as other:
        one.send("of the one")
        other.send("of the other")
        assert channels[0].wait_for_count(1) == forwarded(["of the one"])
        assert channels[1].wait_for_count(1) == forwarded(["of the other"])
    stop(first)
    stop(second)
