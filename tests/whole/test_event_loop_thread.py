"""What waits refuses to run on the event loop's thread; what does not wait may."""

import asyncio

import pytest

from actors import spawn_supervisor
from messages import GetStatus, JobOutcome, Phase, StartReporting, StopReporting
from tests.support.probe import Probe
from tests.support.reporting import status
from tests.support.waiting import PATIENCE


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("stop", lambda ref: ref.stop(timeout=1.0)),
        ("ask", lambda ref: ref.ask(lambda r: GetStatus(reply_to=r), timeout=1.0)),
    ],
)
def test_what_waits_refuses_on_the_loops_thread_and_names_the_way_out(
    supervisor, loop_thread, name, call
):
    with pytest.raises(RuntimeError, match=r"asyncio\.to_thread") as refused:
        loop_thread.call(call, supervisor)
    assert name in str(refused.value)
    assert status(supervisor).phase is Phase.IDLE, "it was not stopped"


def test_a_whole_job_is_reported_from_the_loops_thread(loop_thread, owner, settings):
    async def worker():
        supervisor = spawn_supervisor(
            loop=asyncio.get_running_loop(), owner=owner, settings=settings
        )
        answers = Probe()
        supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=answers))
        ready = await asyncio.to_thread(answers.get)
        supervisor.tell(
            StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=answers)
        )
        stopped = await asyncio.to_thread(answers.get)
        asked = await asyncio.to_thread(
            supervisor.ask, lambda r: GetStatus(reply_to=r), timeout=PATIENCE
        )
        ended = await asyncio.to_thread(supervisor.stop, timeout=PATIENCE)
        await asyncio.get_running_loop().shutdown_default_executor()
        return ready.job_id, stopped.job_id, asked.phase, ended

    assert loop_thread.run(worker()) == ("job-1", "job-1", Phase.IDLE, True)
