"""The listener rests between two polls; whatever wakes it, and how often, it goes on."""

import asyncio

import pytest
import zmq

from actors import ProgressLog, progress_listener
from messages import (
    ChildDown,
    EndJob,
    JobEnded,
    ListeningStarted,
    ListeningStopped,
    ReadProgress,
    StartListening,
    StopListening,
)
from tests.support.addresses import FREE_PORT
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE


@pytest.fixture
def parent():
    return Probe()


@pytest.fixture
def context():
    context = zmq.Context()
    yield context
    context.term()


@pytest.fixture
def started(loop_thread, settings, parent, context):
    """A listener and its address."""
    listener = progress_listener.spawn(
        loop=loop_thread.loop,
        parent=parent,
        progress_log=ProgressLog(limit=1000, max_bytes=10**6),
        settings=settings,
    )
    answer = listener.ask(
        lambda reply_to: StartListening(context=context, address=FREE_PORT, reply_to=reply_to),
        timeout=PATIENCE,
    )
    assert isinstance(answer, ListeningStarted)
    yield listener, answer.address
    listener.stop(timeout=PATIENCE)
    assert parent.wait_for(ChildDown).reason is None


@pytest.mark.parametrize("turns", range(6))
def test_two_requests_a_few_turns_of_the_loop_apart_are_both_answered(started, loop_thread, turns):
    listener, _ = started
    answers = Probe()

    async def request():
        listener.tell(EndJob(reply_to=answers))
        for _ in range(turns):
            await asyncio.sleep(0)
        listener.tell(StopListening(reply_to=answers))

    loop_thread.run(request())
    assert {type(answers.get(5)), type(answers.get(5))} == {JobEnded, ListeningStopped}


def test_arrivals_and_requests_at_the_same_time_lose_nothing(started, loop_thread):
    listener, address = started
    pages, answers = Probe(), Probe()

    async def request(turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        listener.tell(EndJob(reply_to=answers))

    received, counted = [], 0
    with StandInTrainer(progress_address=address) as trainer:
        for number in range(70):
            trainer.send(str(number))
            loop_thread.run(request(number % 7))
            counted += answers.get(5).counts.received
    while len(received) < 70:
        listener.tell(ReadProgress(after=len(received), limit=100, reply_to=pages))
        received += pages.get(5).messages
    assert received == [str(number) for number in range(70)]
    assert counted == 70
