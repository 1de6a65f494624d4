"""The event loop is closed before the reporter is ended."""

import asyncio
import logging

import pykka
import pytest

from actors import spawn_supervisor
from messages import (
    AddedToLog,
    AddToLog,
    AttachClient,
    ClientGone,
    JobOutcome,
    LogEntry,
    Phase,
    ReportingFailed,
    ReportingStopped,
    StartReporting,
    StopReporting,
)
from tests.support.channel import FakeChannel
from tests.support.descriptors import open_sockets
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, trainer_for
from tests.support.waiting import PATIENCE, settled


@pytest.fixture
def before():
    return open_sockets()


@pytest.fixture
def doomed_loop(before):
    """A loop that the test closes as ``asyncio.run`` does: its tasks are cancelled first."""
    thread = LoopThread()

    async def cancel_all():
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def end():
        thread.run(cancel_all())
        thread.run(thread.loop.shutdown_asyncgens())
        thread.run(thread.loop.shutdown_default_executor())
        thread.close()

    thread.end = end
    yield thread
    if not thread.loop.is_closed():
        end()


@pytest.fixture
def supervisor_of_doomed(doomed_loop, owner, settings):
    return spawn_supervisor(loop=doomed_loop.loop, owner=owner, settings=settings)


def unhandled(caplog):
    """Crashes of actors, as Pykka logs them."""
    return [r for r in caplog.records if r.levelno >= logging.ERROR and r.name.startswith("pykka")]


def test_stop_after_the_loop_was_closed_when_idle(supervisor_of_doomed, doomed_loop, before):
    status(supervisor_of_doomed)
    doomed_loop.end()
    assert supervisor_of_doomed.stop(timeout=PATIENCE)
    assert pykka.ActorRegistry.get_all() == []
    assert open_sockets() <= before


def test_stop_after_the_loop_was_closed_in_a_job_answers_and_closes_everything(
    supervisor_of_doomed, doomed_loop, before
):
    attach_client(supervisor_of_doomed, FakeChannel())
    answers = Probe()
    with trainer_for(start(supervisor_of_doomed)) as trainer:
        trainer.send("one")
    doomed_loop.end()
    supervisor_of_doomed.tell(
        StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=answers)
    )
    assert supervisor_of_doomed.stop(timeout=PATIENCE)
    assert isinstance(answers.get(), ReportingStopped)
    assert pykka.ActorRegistry.get_all() == []
    assert open_sockets() <= before


def test_the_supervisor_outlives_its_loop(supervisor_of_doomed, doomed_loop, caplog):
    attach_client(supervisor_of_doomed, FakeChannel())
    doomed_loop.end()
    supervisor_of_doomed.tell(AttachClient(client_id="bob", channel=FakeChannel()))
    supervisor_of_doomed.tell(AttachClient(client_id="alice", channel=FakeChannel()))
    assert status(supervisor_of_doomed).phase is Phase.IDLE
    assert supervisor_of_doomed.stop(timeout=PATIENCE)
    assert [r for r in unhandled(caplog) if "SupervisorActor" in r.getMessage()] == []


def test_a_start_after_the_loop_was_closed_is_answered(supervisor_of_doomed, doomed_loop, before):
    status(supervisor_of_doomed)
    doomed_loop.end()
    answers = Probe()
    supervisor_of_doomed.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
    failed = answers.get()
    assert isinstance(failed, ReportingFailed)
    assert failed.job_id == "job-1"
    assert supervisor_of_doomed.stop(timeout=PATIENCE)
    assert open_sockets() <= before


def test_a_reporter_cannot_be_started_on_a_closed_loop(doomed_loop, owner, settings):
    doomed_loop.end()
    with pytest.raises(RuntimeError, match="closed"):
        spawn_supervisor(loop=doomed_loop.loop, owner=owner, settings=settings)
    assert pykka.ActorRegistry.get_all() == []


def test_the_owner_is_told_at_once_when_the_loop_is_closed_in_mid_job(
    supervisor_of_doomed, doomed_loop, owner
):
    start(supervisor_of_doomed)
    doomed_loop.end()
    failed = owner.wait_for(ReportingFailed)
    assert "event loop" in failed.reason or "cancelled from outside" in failed.reason
    added: Probe[AddedToLog] = Probe()
    supervisor_of_doomed.tell(AddToLog(entries=(LogEntry(text="late"),), reply_to=added))
    assert added.get().reason == "the progress listener has ended"
    assert settled(lambda: status(supervisor_of_doomed).phase is Phase.IDLE)
    assert supervisor_of_doomed.stop(timeout=PATIENCE)


def test_a_client_of_a_closed_loop_is_gone_and_not_tried_again(
    supervisor_of_doomed, doomed_loop, owner
):
    attach_client(supervisor_of_doomed, FakeChannel())
    doomed_loop.end()
    status(supervisor_of_doomed)  # which asks the client's actor
    assert supervisor_of_doomed.stop(timeout=PATIENCE)
    of_client = [event for event in owner.drain() if "progress listener" not in event.reason]
    assert of_client == [ClientGone(client_id="alice", reason="the event loop is closed")]
