"""What the trainer's process tree uses, told now and then."""

import os
import resource
import subprocess
import sys

import psutil
import pytest

from actors.worker.resources import FIRST, INTERVAL, spawn
from messages import ChildDown, ResourcesUsed, StopWatching, WatchProcess
from tests.support.clock import ManualScheduler
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE, settled

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


class Rig:
    def __init__(self) -> None:
        self.clock, self.parent = ManualScheduler(), Probe()
        self.actor = spawn(parent=self.parent, scheduler=self.clock)
        self.told: Probe[ResourcesUsed] = Probe()

    def watch(self, pid) -> None:
        self.actor._ref.ask(WatchProcess(pid=pid, reply_to=self.told), timeout=PATIENCE)


@pytest.fixture
def rig():
    rig = Rig()
    yield rig
    rig.actor.stop(timeout=PATIENCE)


def test_a_process_and_what_it_has_started_are_told_as_one(rig, tree):
    rig.watch(tree.pid)
    rig.clock.advance(FIRST)
    used = rig.told.get()
    assert used.processes == 2
    assert used.memory > 5_000_000
    assert (used.cores, used.memory_total) == (os.cpu_count(), psutil.virtual_memory().total)
    assert used.percent >= 0
    rig.clock.advance(INTERVAL)
    assert rig.told.get().processes == 2


def test_nothing_is_told_any_more_when_it_is_not_wanted(rig, tree):
    rig.watch(tree.pid)
    rig.actor._ref.ask(StopWatching(), timeout=PATIENCE)
    rig.clock.advance(10 * INTERVAL)
    rig.actor._ref.ask(StopWatching(), timeout=PATIENCE)
    assert rig.told.drain() == []


def test_a_process_that_is_not_there_is_no_trouble(rig):
    rig.watch(2**22 + 1)
    rig.clock.advance(10 * INTERVAL)
    rig.actor._ref.ask(StopWatching(), timeout=PATIENCE)
    assert rig.told.drain() == []


def test_a_moment_without_file_descriptors_costs_one_sample_and_no_more(rig, tree):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    rig.watch(tree.pid)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        rig.clock.advance(FIRST)
        assert settled(lambda: rig.clock.waiting(INTERVAL))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert rig.told.drain() == []
    rig.clock.advance(INTERVAL)
    assert rig.told.get().processes == 2


def test_its_end_is_told_to_its_parent(rig):
    rig.actor.stop(timeout=PATIENCE)
    rig.parent.expect(ChildDown(child="resources", reason=None))
