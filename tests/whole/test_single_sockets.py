"""A reporter with one of the two sockets alone: what the settings do not ask for is not made."""

import pytest

from messages import ControlRejected, Phase, ReportingStopped, ReportingSummary, SendControl
from tests.support.addresses import FREE_PORT, fixed_addresses, occupied
from tests.support.channel import FakeChannel
from tests.support.crashes import CONTROL, LISTENER, crash, is_heard, obeys, obeys_again
from tests.support.event_loop import stuck
from tests.support.probe import Probe
from tests.support.reporting import ask_start, ask_stop, attach_client, start, status, stop, switch
from tests.support.texts import forwarded, reports
from tests.support.trainer import StandInTrainer
from tests.support.zmq_objects import ZmqObjects


@pytest.fixture
def reporter_of(new_supervisor):
    """Makes a supervisor of these sockets."""

    def reporter_of(control=None, progress=None, **what):
        return new_supervisor(control_address=control, progress_address=progress, **what)

    return reporter_of


def test_of_control_alone_the_trainer_gets_commands(reporter_of, owner):
    supervisor = reporter_of(control=FREE_PORT)
    ready = start(supervisor)
    assert ready.progress_address == ""
    with StandInTrainer(control_address=ready.control_address) as trainer:
        assert obeys(supervisor, trainer)
        crash(CONTROL, owner)
        assert obeys_again(supervisor, trainer)
        crash(LISTENER, owner)  # it has no socket to be opened again
        assert status(supervisor).phase is Phase.REPORTING
    assert stop(supervisor).summary.received == 0


def test_of_progress_alone_reports_are_forwarded_and_commands_refused(reporter_of, owner):
    supervisor, channel = reporter_of(progress=FREE_PORT), FakeChannel()
    attach_client(supervisor, channel)
    ready = start(supervisor)
    assert ready.control_address == ""
    with StandInTrainer(progress_address=ready.progress_address) as trainer:
        trainer.send(*reports(3))
        assert channel.wait_for_count(3) == forwarded(reports(3))
        refusals = Probe()
        supervisor.tell(SendControl(command="STOP", reply_to=refusals))
        assert isinstance(refusals.get(), ControlRejected)
        crash(LISTENER, owner)
        assert is_heard(channel, trainer)
    assert stop(supervisor).summary.received == len(channel.sent)


def test_of_control_alone_start_failure_and_stop_do_not_need_the_event_loop(
    reporter_of, loop_thread
):
    (address,) = fixed_addresses(1)
    supervisor = reporter_of(control=address)
    status(supervisor)
    with stuck(loop_thread):
        with occupied(address):
            assert address in ask_start(supervisor).reason
        assert start(supervisor).control_address == address
        assert isinstance(ask_stop(supervisor), ReportingStopped)
        with occupied(address):
            pass


def test_of_control_alone_nothing_is_missing_at_the_end_whatever_the_event_loop_does(
    reporter_of, loop_thread
):
    supervisor = reporter_of(control=FREE_PORT, drain_timeout=0.1)
    attach_client(supervisor, FakeChannel())
    start(supervisor)
    with stuck(loop_thread):
        assert stop(supervisor).summary == ReportingSummary()


def test_a_pipelines_next_job_goes_on_with_the_one_socket(reporter_of):
    for sockets in ({"control": FREE_PORT}, {"progress": FREE_PORT}):
        supervisor = reporter_of(**sockets)
        ready = start(supervisor)
        switch(supervisor)
        found = status(supervisor)
        assert (found.phase, found.job_id) == (Phase.REPORTING, "job-2")
        assert found.addresses is not None
        assert found.addresses.control == ready.control_address
        assert found.addresses.progress == ready.progress_address
        stop(supervisor, "job-2")


def test_without_any_socket_none_is_made(reporter_of):
    supervisor = reporter_of()
    objects = ZmqObjects()
    start(supervisor)
    assert objects.sockets() == []
    stop(supervisor)
