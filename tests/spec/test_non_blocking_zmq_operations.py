"""Requirement: Non-Blocking ZMQ Operations."""

import asyncio

import zmq

from actors import ReporterSettings
from tests.support.trainer import StandInTrainer


def test_non_blocking_receive(polling):
    """WHEN polling for trainer messages."""
    with StandInTrainer(progress_address=polling.address) as trainer:
        trainer.send("first", "second")
        polling.journal.wait_for_count("received", 2)
    polling.journal.wait_for_count("raised", 3)
    receives = polling.journal.entries("recv_string")

    # THEN progress reporter SHALL use NOBLOCK flag
    assert {entry.detail for entry in receives} == {zmq.NOBLOCK}
    # AND run recv_string in thread pool executor
    assert len({entry.thread for entry in polling.journal.entries() if entry.what != "sleep"}) == 1
    assert receives[0].thread != polling.loop_thread.ident
    # AND return to event loop between polls: it runs while a receive is under way
    polling.context.gate.clear()
    polling.journal.wait_for_count("recv_string", len(receives) + 1)
    assert polling.loop_thread.call(lambda: "the loop runs") == "the loop runs"
    polling.context.gate.set()


def positions(entries, what):
    return [at for at, entry in enumerate(entries) if entry.what == what]


def test_async_sleep_between_polls(polling):
    """WHEN no message received."""

    async def other_task():
        while True:
            polling.journal.note("other task")
            await asyncio.sleep(0.005)

    async def begin():
        return asyncio.get_running_loop().create_task(other_task())

    async def end(task):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    task = polling.loop_thread.run(begin())
    entries = polling.journal.wait_for(lambda found: len(positions(found, "sleep")) >= 4)

    # THEN progress reporter SHALL await asyncio.sleep(0.05)
    assert ReporterSettings().poll_interval == 0.05
    sleeps = [entry for entry in entries if entry.what == "sleep"]
    assert {entry.detail for entry in sleeps} == {0.05}
    assert {entry.thread for entry in sleeps} == {polling.loop_thread.ident}
    for begun, ended in zip(
        positions(entries, "sleep"), positions(entries, "recv_string")[1:], strict=False
    ):
        assert begun < ended, "every sleep lies between two polls"

    # AND allow other tasks to execute
    def others_ran_in_a_sleep(found):
        sleeps = positions(found, "sleep")
        receives = positions(found, "recv_string")
        return any(
            found[at].what == "other task"
            for begun in sleeps
            for ended in [next((r for r in receives if r > begun), begun)]
            for at in range(begun, ended)
        )

    polling.journal.wait_for(others_ran_in_a_sleep)
    polling.loop_thread.run(end(task))
