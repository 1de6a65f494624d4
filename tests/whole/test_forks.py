"""A host that forks while it reports, as a DataLoader does, keeps nothing of the reporter's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

HOST = """
import json, os, time
from actors import ReporterSettings, spawn_supervisor
from tests.support.channel import FakeChannel
from tests.support.event_loop import LoopThread
from tests.support.addresses import fixed_addresses
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, stop
from tests.support.trainer import StandInTrainer
from tests.support.waiting import settled

control, progress = fixed_addresses(2)
settings = ReporterSettings(control_address=control, progress_address=progress, connect_wait=0.0)
loop_thread, owner = LoopThread(), Probe()


def report(trainer, forks):
    supervisor = spawn_supervisor(loop=loop_thread.loop, owner=owner, settings=settings)
    channel = FakeChannel()
    attach_client(supervisor, channel)
    start(supervisor)

    def heard():
        trainer.send("are you there?")
        return len(channel.sent) > 0

    assert settled(heard), "the trainer is not heard"
    assert settled(lambda: status(supervisor).trainer_connected)
    if forks:
        child = os.fork()
        if not child:
            time.sleep(120)
            os._exit(0)
        children.append(child)
    stop(supervisor)
    assert supervisor.stop()
    return True


children = []
first = spawn_supervisor(loop=loop_thread.loop, owner=owner, settings=settings)
start(first)
trainer = StandInTrainer(control_address=control, progress_address=progress)
stop(first)
assert first.stop()
done = [report(trainer, forks=True), report(trainer, forks=True), report(trainer, forks=False)]
trainer.close()
loop_thread.close()
for child in children:
    os.kill(child, 9)
    os.waitpid(child, 0)
print(json.dumps(done))
"""


AT_ONCE = """
import asyncio, json, os, time
from actors import ProgressReporter
from tests.support.addresses import fixed_addresses
from tests.support.channel import FakeChannel


async def main():
    reporter = ProgressReporter(*fixed_addresses(2))
    reporter.start_control_socket()
    task = reporter.start_progress_listener_task(FakeChannel())
    while not reporter.progress_socket and not task.done():
        await asyncio.sleep(0)
    child = os.fork()
    if not child:
        time.sleep(120)
        os._exit(0)
    await reporter.async_cleanup()
    try:
        reporter.start_control_socket()  # OSError when the child has it
        task = reporter.start_progress_listener_task(FakeChannel())
        while not reporter.progress_socket:
            assert not task.done(), task
            await asyncio.sleep(0)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        await reporter.async_cleanup()
    return True


print(json.dumps([asyncio.run(main()) for _ in range(20)]))
"""


@pytest.mark.parametrize(("host", "count"), [(HOST, 3), (AT_ONCE, 20)])
def test_the_address_is_free_again_and_the_trainer_is_heard_while_the_child_lives(host, count):
    done = subprocess.run(
        [sys.executable, "-c", host],
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        cwd=Path.cwd(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [True] * count
