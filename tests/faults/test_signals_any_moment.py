"""SIGINT and SIGTERM at random moments of the worker's whole life."""

import random
import signal
import time

import pytest

from tests.support.addresses import fixed_addresses, occupied, port_of
from tests.support.running_worker import AT_ONCE, SCRIPT, TABLES, RunningWorker, at

LIFE = 2.8
"""Seconds that a worker with three epochs lives: half a second of imports, a second of waiting for
connections, the training, and the end."""

ENDS = {
    signal.SIGINT: {
        0,  # the training was stopped early, or was over already
        130,  # the training had not begun
        -signal.SIGINT,  # the worker was being started
        1,  # Python itself was
    },
    signal.SIGTERM: {
        0,  # the training was over already
        130,  # it had not begun
        128 + signal.SIGTERM,  # it was ended
        -signal.SIGTERM,  # the worker was being started
    },
}

STARTED = "training started"


def moments(number: int, count: int) -> list[float]:
    """Seconds after the start, one in each part of the life."""
    chance = random.Random(number)
    return [(part + chance.random()) * LIFE / count for part in range(count)]


def signalled_at(moment: float, number: signal.Signals) -> None:
    """One life with one signal, and what must be true after it."""
    control, progress = fixed_addresses(2)
    page = fixed_addresses(1)[0]
    ports = at(control, progress)
    options = ("--epochs", "3", "--port", str(port_of(page)))
    with RunningWorker(
        *TABLES, *options, ports=ports, program=(SCRIPT,), variables=AT_ONCE
    ) as worker:
        time.sleep(moment)  # the moment itself, not a wait for a result
        worker.interrupt(number)
        code, output = worker.ends(), worker.output
        assert worker.leaves_nothing()
    assert code in ENDS[number], output
    assert "Unhandled exception" not in output
    if code == 0:
        assert "the trainer has ended with exit code 0" in output
        assert worker.count("train_end") == 1
        assert worker.count("received from the trainer") == worker.count("received by the client")
    if code in (1, 130, -number):
        assert STARTED not in output
    for address in (control, progress, page):
        with occupied(address):
            pass


@pytest.mark.parametrize("moment", moments(1, 6), ids="{:.2f}".format)
@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_a_signal_at_any_moment_leaves_no_trainer_and_all_ports_free(moment, number):
    signalled_at(moment, number)


@pytest.mark.nightly
@pytest.mark.parametrize("moment", moments(2, 100), ids="{:.2f}".format)
@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_a_signal_at_each_of_a_hundred_moments_leaves_no_trainer_and_all_ports_free(moment, number):
    signalled_at(moment, number)
