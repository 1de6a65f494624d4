"""OneThread: an order, an end, and what it leaves to a host that exits."""

import subprocess
import sys
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from actors.runtime import OneThread
from tests.support.waiting import PATIENCE

GOES_ON = """
import threading
from actors.runtime import OneThread

thread = OneThread("its own")
thread.submit(print, "first").result()

def after_the_main_thread():
    threading.main_thread().join()
    thread.submit(print, "second").result()

threading.Thread(target=after_the_main_thread).start()
"""

EXITS = """
import threading
from actors.runtime import OneThread

begun = threading.Event()
def for_ever():
    begun.set()
    threading.Event().wait()

OneThread("its own").submit(for_ever)
begun.wait()
print("exits")
"""


@pytest.fixture
def thread() -> Any:
    thread = OneThread("a thread")
    yield thread
    thread.shutdown(wait=False, cancel_futures=True)


def held(thread: OneThread) -> threading.Event:
    """What lets it go on; it has begun to wait for that."""
    begun, gate = threading.Event(), threading.Event()
    thread.submit(lambda: (begun.set(), gate.wait(PATIENCE)))
    assert begun.wait(PATIENCE)
    return gate


def test_what_is_submitted_runs_in_its_order_on_one_thread(thread: OneThread) -> None:
    ran: list[tuple[int, int]] = []
    for number in range(100):
        last = thread.submit(lambda n: ran.append((n, threading.get_ident())), number)
    last.result(PATIENCE)
    assert [number for number, _ in ran] == list(range(100))
    assert len({ident for _, ident in ran}) == 1
    assert threading.get_ident() not in {ident for _, ident in ran}


def test_what_a_call_raises_is_its_future_s_and_the_next_one_runs(thread: OneThread) -> None:
    failed: Future[Any] = thread.submit(int, "no number")
    with pytest.raises(ValueError, match="no number"):
        failed.result(PATIENCE)
    assert thread.submit(int, "1").result(PATIENCE) == 1


def test_a_call_that_is_cancelled_in_time_is_not_made(thread: OneThread) -> None:
    gate, made = held(thread), threading.Event()
    assert thread.submit(made.set).cancel()
    gate.set()
    thread.submit(int).result(PATIENCE)
    assert not made.is_set()


def test_what_was_submitted_before_the_end_still_runs(thread: OneThread) -> None:
    gate = held(thread)
    last = thread.submit(int, "1")
    thread.shutdown(wait=False)
    gate.set()
    assert last.result(PATIENCE) == 1


def test_what_waits_is_left_out_if_the_end_says_so(thread: OneThread) -> None:
    gate, made = held(thread), threading.Event()
    waits = thread.submit(made.set)
    thread.shutdown(wait=False, cancel_futures=True)
    gate.set()
    thread.shutdown()
    assert not made.is_set()
    assert not waits.done()


def test_nothing_can_be_submitted_after_the_end(thread: OneThread) -> None:
    thread.shutdown()
    thread.shutdown()
    with pytest.raises(RuntimeError, match="the thread a thread has been told to end"):
        thread.submit(int)


@pytest.mark.parametrize(("script", "printed"), [(GOES_ON, "first\nsecond\n"), (EXITS, "exits\n")])
def test_of_a_host_whose_main_thread_ends(script: str, printed: str) -> None:
    """It is used by the threads that go on, and holds up no exit."""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert (ran.stdout, ran.stderr) == (printed, "")
