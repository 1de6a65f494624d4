"""What the trainer's process tree uses, told now and then."""

import os
import resource
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pynvml
import pytest

from actors.worker.resources import FIRST, INTERVAL, spawn
from messages import ChildDown, GpuUse, ResourcesUsed, StopWatching, WatchProcess
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


class Driver:
    """In place of the NVIDIA driver: one GPU of 24 GiB, of which the driver keeps 615 MiB."""

    def __init__(self, monkeypatch, *, second_version: bool) -> None:
        self._second_version = second_version
        for name, answer in {
            "nvmlInit": lambda: None,
            "nvmlShutdown": lambda: None,
            "nvmlDeviceGetCount": lambda: 1,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetName": lambda handle: "a GPU",
            "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=7),
            "nvmlDeviceGetMemoryInfo": self.memory,
        }.items():
            monkeypatch.setattr(pynvml, name, answer)

    def memory(self, handle, version=None):
        if version is None:
            return SimpleNamespace(total=24 << 30, used=(100 + 615) << 20)
        assert version == pynvml.nvmlMemory_v2
        if not self._second_version:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        return SimpleNamespace(total=24 << 30, used=100 << 20, reserved=615 << 20)


@pytest.mark.parametrize(("second_version", "used"), [(True, 100 << 20), (False, 715 << 20)])
def test_the_memory_of_a_gpu_is_what_nvidia_smi_says(monkeypatch, tree, second_version, used):
    Driver(monkeypatch, second_version=second_version)
    rig = Rig()
    try:
        rig.watch(tree.pid)
        rig.clock.advance(FIRST)
        gpu = GpuUse(name="a GPU", memory=used, memory_total=24 << 30, percent=7)
        assert rig.told.get().gpus == (gpu,)
    finally:
        rig.actor.stop(timeout=PATIENCE)
