"""What the tests of the standalone worker share."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.clock import ManualScheduler
from tests.worker.processes import Gate
from tests.worker.training_bench import TrainingBench
from tests.worker.worker_bench import WorkerBench


@pytest.fixture
def bench() -> Iterator[TrainingBench]:
    """A trainer's actor that is ended after the test."""
    bench = TrainingBench(ManualScheduler())
    yield bench
    bench.close()


@pytest.fixture
def new_gate(tmp_path) -> Iterator[Callable[[], Gate]]:
    """Makes gates that processes wait at."""
    gates: list[Gate] = []

    def make() -> Gate:
        gates.append(Gate(tmp_path / f"gate-{len(gates)}"))
        return gates[-1]

    yield make
    for gate in gates:
        gate.close()


@pytest.fixture
def gate(new_gate: Callable[[], Gate]) -> Gate:
    """A gate that a process waits at."""
    return new_gate()


@pytest.fixture
def worker() -> Iterator[WorkerBench]:
    """A worker's actor between probes, ended after the test."""
    bench = WorkerBench()
    yield bench
    bench.close()
