"""The listener rests between two polls; whatever wakes it, and how often, it goes on."""

import asyncio

import pytest

from messages import EndJob, FindPeers, JobEnded, ListeningStopped, PeersFound, StopListening
from tests.support.event_loop import LoopThread
from tests.support.listener_rig import ListenerRig, listener_rig
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE

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


def test_requests_are_answered_while_a_poll_waits_for_the_next_report(
    loop_thread: LoopThread,
) -> None:
    with listener_rig(loop_thread, poll_interval=10 * PATIENCE) as rig:
        with StandInTrainer(progress_address=rig.start()) as trainer:
            for number in range(3):
                trainer.send(str(number))
                assert rig.read(number + 1)[-1] == str(number)
                peers: Probe[PeersFound] = Probe()
                rig.ref.tell(FindPeers(reply_to=peers))
                assert peers.get().peers
        assert rig.end_job().received == 3


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
