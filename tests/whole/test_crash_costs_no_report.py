"""A listener that crashes loses nothing that has reached this process."""

import asyncio
import gc

import pykka

from actors.progress_listener.socket import ProgressSocket
from messages import (
    Phase,
    ReportingDegraded,
    ReportingFailed,
    ReportingSummary,
)
from tests.support.channel import FakeChannel
from tests.support.crashes import LISTENER, tell_alien
from tests.support.event_loop import stuck
from tests.support.probe import Probe
from tests.support.reporting import (
    attach_client,
    start,
    status,
    stop,
    tell_switch,
    trainer_for,
    wait_for_phase,
)
from tests.support.texts import forwarded, reports
from tests.support.waiting import PATIENCE, settled


def test_what_the_socket_and_the_polls_under_way_hold_goes_to_the_log(
    supervisor, owner, loop_thread
):
    channel, run = FakeChannel(), reports(600)
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*run[:200])
        channel.wait_for_count(200)
        # Other tests may have left some, that hold nothing.
        sockets = [found for found in gc.get_objects() if isinstance(found, ProgressSocket)]
        with stuck(loop_thread):  # what comes waits in a poll that is under way and in the socket
            trainer.send(*run[200:])
            assert settled(lambda: any(it.poll() and it.received for it in sockets))
            tell_alien(LISTENER)
        owner.wait_for(ReportingDegraded)
        assert channel.wait_for_count(600) == forwarded(run)
    assert stop(supervisor).summary == ReportingSummary(received=600, forwarded=600)


def test_a_listener_that_crashes_while_an_idle_supervisor_ends_is_not_waited_for(
    supervisor, loop_thread
):
    attach_client(supervisor, FakeChannel(buffering=True))
    status(supervisor)
    with stuck(loop_thread):
        supervisor.request_stop(timeout=4 * PATIENCE)
        tell_alien(LISTENER)
    assert settled(lambda: not pykka.ActorRegistry.get_all())
    assert supervisor.has_ended()


def test_a_polling_task_that_is_cancelled_from_outside_in_a_switch_ends_the_report(
    supervisor, owner, loop_thread
):
    answers = Probe()
    with trainer_for(start(supervisor)) as trainer:  # it stays, so that the switch takes its time
        trainer.send("one")
        assert settled(lambda: status(supervisor).received == 1)

        def switch_and_cancel():
            tell_switch(supervisor, answers)
            for task in asyncio.all_tasks(loop_thread.loop):
                if task.get_name() == "progress-listener":
                    task.cancel()

        loop_thread.call(switch_and_cancel)
        assert answers.get().summary.received == 1
        failed = answers.get()
        assert isinstance(failed, ReportingFailed)
        assert failed.job_id == "job-2"
        assert "cancelled from outside" in failed.reason
    assert isinstance(owner.wait_for(ReportingFailed), ReportingFailed)
    assert wait_for_phase(supervisor, Phase.IDLE).addresses is None
