"""Fixtures of all tests, and the check that no test leaves anything behind."""

import gc
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import hypothesis
import pykka
import pytest

from actors import ReporterSettings, SupervisorRef, spawn_supervisor
from actors.runtime import Scheduler
from tests.support.descriptors import open_sockets
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe
from tests.support.processes import ProcessGate
from tests.support.reporting import NewSupervisor
from tests.support.settings import on_free_ports
from tests.support.signals import have_default_actions
from tests.support.unit import is_unit, nothing_outside
from tests.support.waiting import PATIENCE, settled

_ALWAYS: dict[str, Any] = {
    "database": None,  # nothing is written beside the code
    "deadline": None,  # a busy machine is no failure
    "suppress_health_check": [
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
}
# A failure of the default profile can be seen again; a night has examples of its own.
hypothesis.settings.register_profile("quick", derandomize=True, **_ALWAYS)
hypothesis.settings.register_profile("nightly", max_examples=100_000, print_blob=True, **_ALWAYS)
hypothesis.settings.load_profile("quick")


have_default_actions()


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist begins its processes
def pytest_cmdline_main(config: pytest.Config) -> None:
    """The tests under SLURM share its one cluster: one process runs them."""
    if config.option.markexpr == "slurm":
        config.option.numprocesses = 0


def pytest_collection_finish() -> None:
    """What was imported stays: the garbage collection after each test need not go through it."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)  # before the tests are chosen by their markers
def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of the unit set."""
    if isinstance(item, pytest.Function) and is_unit(item.module):
        item.add_marker(pytest.mark.unit)


@pytest.hookimpl(trylast=True)  # behind hypothesis, which marks its tests
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A hundred thousand examples take longer than any other test may."""
    if config.getoption("--hypothesis-profile") == "nightly":
        for item in items:
            if item.get_closest_marker("hypothesis"):
                item.add_marker(pytest.mark.timeout(0), append=False)


@pytest.fixture(autouse=True, scope="session")
def _runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The runs of the tests' workers are kept in a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLEAP_PROGRESS_RUNS", str(tmp_path_factory.mktemp("runs")))
        yield


@pytest.fixture(autouse=True)
def inside_its_set(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test of the unit set opens no socket and starts no process."""
    if request.node.get_closest_marker("unit"):
        with nothing_outside():
            yield
    else:
        yield


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """After each test: no actor, thread or socket more than before."""
    threads = set(threading.enumerate())
    sockets = open_sockets()
    yield
    actors = pykka.ActorRegistry.get_all()
    pykka.ActorRegistry.stop_all(timeout=PATIENCE)
    assert not actors, f"actors are left: {actors}"
    assert settled(lambda: set(threading.enumerate()) <= threads), (
        f"threads are left: {set(threading.enumerate()) - threads}"
    )
    gc.collect()
    assert settled(lambda: open_sockets() <= sockets), (
        f"sockets are left: {open_sockets() - sockets}"
    )


@pytest.fixture
def loop_thread() -> Iterator[LoopThread]:
    """An event loop on a thread; at the end no task may be left and no callback may have failed."""
    thread = LoopThread()
    yield thread
    tasks = thread.tasks()
    thread.close()
    assert not tasks, f"tasks are left: {tasks}"
    assert not thread.errors, f"callbacks failed: {thread.errors}"


@pytest.fixture
def owner() -> Probe:
    """The mailbox of the reporter's owner."""
    return Probe()


@pytest.fixture
def settings() -> ReporterSettings:
    """Free ports and no connect wait."""
    return on_free_ports()


@pytest.fixture
def new_supervisor(
    loop_thread: LoopThread, owner: Probe, settings: ReporterSettings
) -> Iterator[NewSupervisor]:
    """Makes supervisors with some settings changed; those still alive end after the test."""
    made: list[SupervisorRef] = []

    def make(scheduler: Scheduler | None = None, **changes: Any) -> SupervisorRef:
        changed = replace(settings, **changes)
        made.append(
            spawn_supervisor(
                loop=loop_thread.loop, owner=owner, settings=changed, scheduler=scheduler
            )
        )
        return made[-1]

    yield make
    for ref in made:
        assert ref.stop(timeout=PATIENCE)


@pytest.fixture
def supervisor(new_supervisor: NewSupervisor) -> SupervisorRef:
    """A supervisor that is ended after the test."""
    return new_supervisor()


@pytest.fixture
def new_gate(tmp_path) -> Iterator[Callable[[], ProcessGate]]:
    """Makes gates that processes wait at."""
    gates: list[ProcessGate] = []

    def make() -> ProcessGate:
        gates.append(ProcessGate(tmp_path / f"gate-{len(gates)}"))
        return gates[-1]

    yield make
    for gate in gates:
        gate.close()


@pytest.fixture
def gate(new_gate: Callable[[], ProcessGate]) -> ProcessGate:
    """A gate that a process waits at."""
    return new_gate()
