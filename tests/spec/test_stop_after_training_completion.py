"""Progress Reporter Lifecycle."""

import asyncio

import pytest

from messages import JobOutcome, Phase, ReportingStopped, ReportingSummary
from tests.conftest import open_sockets
from tests.support.reporting import start, status, stop, trainer_for
from tests.support.zmq_objects import ZmqObjects


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
