"""The listener rests between two polls; whatever wakes it, and how often, it goes on."""

import asyncio

import pytest

from messages import EndJob, JobEnded, ListeningStopped, StopListening
from tests.support.event_loop import LoopThread
from tests.support.listener_rig import ListenerRig
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer

RUNS = 35
"""Each of the turns of the loop that a request may come after, five times."""


@pytest.mark.parametrize("turns", range(6))
def test_two_requests_a_few_turns_of_the_loop_apart_are_both_answered(
    rig: ListenerRig, loop_thread: LoopThread, turns: int
) -> None:
    rig.start()
    answers: Probe[JobEnded | ListeningStopped] = Probe()

    async def request() -> None:
        rig.ref.tell(EndJob(reply_to=answers))
        for _ in range(turns):
            await asyncio.sleep(0)
        rig.ref.tell(StopListening(reply_to=answers))

    loop_thread.run(request())
    assert {type(answers.get()), type(answers.get())} == {JobEnded, ListeningStopped}


def test_arrivals_and_requests_at_the_same_time_lose_nothing(
    rig: ListenerRig, loop_thread: LoopThread
) -> None:
    answers: Probe[JobEnded] = Probe()

    async def request(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        rig.ref.tell(EndJob(reply_to=answers))

    counted = 0
    with StandInTrainer(progress_address=rig.start()) as trainer:
        for number in range(RUNS):
            trainer.send(str(number))
            loop_thread.run(request(number % 7))
            counted += answers.get().counts.received
    assert rig.read(RUNS) == [str(number) for number in range(RUNS)]
    assert counted == RUNS
