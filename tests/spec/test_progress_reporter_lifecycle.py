"""Requirement: Progress Reporter Lifecycle."""

import asyncio
import logging
from dataclasses import replace

import pytest

from actors import ReporterSettings, spawn_supervisor
from messages import (
    JobOutcome,
    Phase,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    StartReporting,
)
from tests.support.clock import ManualScheduler
from tests.support.descriptors import open_sockets
from tests.support.probe import Probe
from tests.support.reporting import start, status, stop, trainer_for, wait_for_phase
from tests.support.waiting import PATIENCE
from tests.support.zmq_objects import ZmqObjects


def the_task(loop_thread):
    """The polling task itself."""

    async def find():
        [task] = [t for t in asyncio.all_tasks() if t.get_name() == "progress-listener"]
        return task

    return loop_thread.run(find())


def test_start_for_gui_training(loop_thread, owner, settings, caplog):
    """WHEN training starts with gui=True flag."""
    caplog.set_level(logging.INFO, "actors")
    assert ReporterSettings().connect_wait == 1.0
    clock = ManualScheduler()
    supervisor = spawn_supervisor(
        loop=loop_thread.loop,
        owner=owner,
        settings=replace(settings, connect_wait=ReporterSettings().connect_wait),
        scheduler=clock,
    )
    answers = Probe()
    supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
    connecting = wait_for_phase(supervisor, Phase.CONNECTING)

    # THEN progress reporter SHALL initialize control socket
    assert "ZMQ control socket initialized" in caplog.messages
    # AND start progress listener as asyncio task
    assert isinstance(the_task(loop_thread), asyncio.Task)
    assert loop_thread.tasks() == {"progress-listener"}
    # AND wait 1 second for SUB socket to connect
    clock.advance(0.99)
    assert status(supervisor).phase is Phase.CONNECTING
    assert answers.drain() == []
    clock.advance(0.02)
    answers.expect(
        ReportingReady(
            job_id="job-1",
            control_address=connecting.addresses.control,
            progress_address=connecting.addresses.progress,
        )
    )
    stop(supervisor)

    # A stop cancels the wait.
    supervisor.tell(StartReporting(job_id="job-2", gui=True, reply_to=answers))
    wait_for_phase(supervisor, Phase.CONNECTING)
    clock.advance(0.5)
    stop(supervisor, "job-2", JobOutcome.CANCELLED)
    assert isinstance(answers.get(), ReportingFailed)
    clock.advance(10)
    assert status(supervisor).phase is Phase.IDLE
    assert answers.drain() == []
    assert supervisor.stop(timeout=PATIENCE)


@pytest.mark.parametrize("outcome", list(JobOutcome))
def test_stop_after_training_completion(supervisor, loop_thread, outcome):
    """WHEN training completes successfully or fails."""

    async def polling_tasks():
        return [t for t in asyncio.all_tasks() if t.get_name() == "progress-listener"]

    descriptors, objects = open_sockets(), ZmqObjects()
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("the only one")
    [task] = loop_thread.run(polling_tasks())
    [context] = [c for c in objects.contexts() if c is not trainer._context]
    sockets = [s for s in objects.sockets() if s.context is context]
    assert sockets

    stopped = stop(supervisor, outcome=outcome)

    assert stopped == ReportingStopped(
        job_id="job-1", outcome=outcome, summary=ReportingSummary(received=1)
    )
    assert task.cancelled(), "cancel progress listener task"
    assert all(socket.closed for socket in sockets), "close ZMQ sockets"
    assert context.closed, "clean up ZMQ context"
    assert open_sockets() == descriptors
    assert status(supervisor).phase is Phase.IDLE
