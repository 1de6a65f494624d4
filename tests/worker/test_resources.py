"""What the trainer's process tree uses, told now and then."""

import os
import resource
import subprocess
import sys

import psutil
import pytest

from actors.worker.resources import FIRST, INTERVAL, spawn
from messages import ChildDown, ResourcesUsed, StopWatching, WatchProcess
from tests.conftest import settled
from tests.support.clock import ManualScheduler
from tests.support.probe import PATIENCE, Probe

TREE = """\
import subprocess, sys
child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
print('ready', flush=True)
input()
"""


@pytest.fixture
def tree():
    """A process with a child."""
    with subprocess.Popen(
        [sys.executable, "-c", TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


class Bench:
    def __init__(self) -> None:
        self.clock, self.parent = ManualScheduler(), Probe()
        self.actor = spawn(parent=self.parent, scheduler=self.clock)
        self.told: Probe[ResourcesUsed] = Probe()

    def watch(self, pid) -> None:
        self.actor._ref.ask(WatchProcess(pid=pid, reply_to=self.told), timeout=PATIENCE)


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.actor.stop(timeout=PATIENCE)


def test_a_process_and_what_it_has_started_are_told_as_one(bench, tree):
    bench.watch(tree.pid)
    bench.clock.advance(FIRST)
    used = bench.told.get()
    assert used.processes == 2
    assert used.memory > 5_000_000
    assert (used.cores, used.memory_total) == (os.cpu_count(), psutil.virtual_memory().total)
    assert used.percent >= 0
    bench.clock.advance(INTERVAL)
    assert bench.told.get().processes == 2


def test_nothing_is_told_any_more_when_it_is_not_wanted(bench, tree):
    bench.watch(tree.pid)
    bench.actor._ref.ask(StopWatching(), timeout=PATIENCE)
    bench.clock.advance(10 * INTERVAL)
    bench.actor._ref.ask(StopWatching(), timeout=PATIENCE)
    assert bench.told.drain() == []


def test_a_process_that_is_not_there_is_no_trouble(bench):
    bench.watch(2**22 + 1)
    bench.clock.advance(10 * INTERVAL)
    bench.actor._ref.ask(StopWatching(), timeout=PATIENCE)
    assert bench.told.drain() == []


def test_a_moment_without_file_descriptors_costs_one_sample_and_no_more(bench, tree):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    bench.watch(tree.pid)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        bench.clock.advance(FIRST)
        assert settled(lambda: bench.clock.waiting(INTERVAL))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert bench.told.drain() == []
    bench.clock.advance(INTERVAL)
    assert bench.told.get().processes == 2


def test_its_end_is_told_to_its_parent(bench):
    bench.actor.stop(timeout=PATIENCE)
    bench.parent.expect(ChildDown(child="resources", reason=None))
