"""``run_worker.py`` with changes: it waits for less than it does for people, or is broken.

``prompt SECONDS``: the trainer is started so soon after the sockets are bound, instead of 1 s; and
the tables at the end are shown without the log lines that come with them.
``impatient SECONDS``: at the end a client is given so much time for what is left, instead of 30 s,
and to close, instead of 5 s; and the worker's own so much to connect, instead of 10 s.
``hasty SECONDS``: an adopted trainer that has left counts as ended so soon, instead of after 15 s.
``lasting SECONDS``: the demo's page stays up so long on a terminal, instead of 20 s.
``resigned TIMES``: a crashed part's address is tried so often, instead of 50 times.
``stuck PATH``: at SIGUSR1 the event loop stands still until the gate is opened.
``clock SECONDS``: the wall clock jumps to and fro by so much, at each time that it is read.
``broken SIGNAL``: at this signal the worker's actor crashes.
``hung PATH``: the folder of the checkpoints does not answer until the gate is opened.
``frozen PATH``: the folder of the runs does not answer until the gate is opened, and
has 2 s for that instead of 10 s.
``patient SECONDS``: a file system has so much time to answer, instead of 10 s.
``deaf PATH``: what is written of the run, in journals too, is taken when the gate is opened.
``unanswered SECONDS``: a keeper has so much time to answer, instead of 15 s, and as much to tell of
the training's end, instead of 30 s.
``threadless NAME``: no thread of this name can be started.
``threads COUNT``: no more than so many can be there at once.
``crash PATH``: at the report ``CRASH`` the progress listener dies, and its address is free until
the gate is opened.
"""

import dataclasses
import json
import os
import signal
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import run_worker
from actors import worker

# The parts are imported where they are changed: who asks for --help does not wait for them.

CRASH = "crash"
"""The report at which the progress listener dies."""


def changed(**changes: float | str) -> tuple[str, ...]:
    """What Python runs, with its debug checks on: a prompt worker with these ``changes``."""
    return ("-X", "dev", "-m", __name__, json.dumps({"prompt": 0.0, **changes}))


def unchecked(program: tuple[str, ...]) -> tuple[str, ...]:
    """The same program without Python's debug checks: with them a flood takes thrice as long."""
    assert program[:2] == ("-X", "dev")
    return program[2:]


def prompt(seconds: float) -> None:
    """The worker has no option for the one, and none for the tables alone."""

    def plan_of(options: Any) -> Any:
        from actors.worker.plan import plan_of

        plan = plan_of(options)
        settings = dataclasses.replace(plan.settings, connect_wait=seconds)
        return dataclasses.replace(plan, settings=settings, has_tables=True)

    worker.plan_of = plan_of


def stuck(gate: str) -> None:
    """A signal is taken on the event loop's thread."""
    from actors.worker.standalone import Standalone

    signalled = Standalone.signalled

    def stand_still(self: Any, number: int) -> None:
        signalled(self, number)
        if number == signal.SIGUSR1:
            os.write(2, b"the event loop stands still\n")
            _wait_at(gate)

    Standalone.signalled = stand_still  # type: ignore[method-assign]


def clock(seconds: float) -> None:
    """Every second reading is late by ``seconds``, and every third early."""
    from aiortc import rtcsctptransport

    true, jumps = time.time, [0.0, seconds, -seconds]

    def jumping() -> float:
        jumps.append(jumps.pop(0))
        return true() + jumps[-1]

    time.time = jumping
    # aiortc refuses a handshake whose cookie is an hour old, as it has to.
    rtcsctptransport.time = types.SimpleNamespace(time=true)  # type: ignore[assignment, attr-defined]


def impatient(seconds: float) -> None:
    """Each module has a name of its own for it."""
    from actors.worker import parts, plan, standalone
    from actors.worker.outputs import local_client
    from actors.worker.viewer import peers, server, websocket

    plan.DRAIN_TIMEOUT = standalone.DRAIN_TIMEOUT = seconds  # type: ignore[misc, attr-defined]
    parts.STOP_TIMEOUT = 3 * seconds  # type: ignore[misc]
    for module in (peers, server, websocket):
        module.CLOSE_TIMEOUT = seconds  # type: ignore[attr-defined]
    local_client.OPEN_TIMEOUT = seconds  # type: ignore[misc]


def hasty(seconds: float) -> None:
    """The next model of a pipeline is not waited for."""
    from actors.worker import actor

    actor.ADOPTED_GONE = seconds  # type: ignore[misc]


def lasting(seconds: float) -> None:
    """Whoever waits for its end waits for something else."""
    from actors.worker import plan

    plan.DEMO_STAYS_UP = seconds  # type: ignore[misc]


def resigned(times: float) -> None:
    """The address of a crashed part stays taken."""
    from actors.supervisor import sockets

    sockets.REOPENS = int(times)  # type: ignore[misc]


def crash(gate: str) -> None:
    """Crash where the socket is read, and say when it is closed."""
    from actors.progress_listener.socket import ProgressSocket

    drain, close = ProgressSocket.drain, ProgressSocket._close
    crashed = []

    def drain_or_crash(self: Any) -> Any:
        if self in crashed:
            raise RuntimeError("broken for a test")
        drained = drain(self)
        kept = [entry for entry in self.received if entry[0] != CRASH]
        if len(kept) < len(self.received):  # what came with it is not lost
            crashed.append(self)
            self.received.clear()
            self.received += kept
        return drained

    def close_and_wait(self: Any) -> None:
        close(self)
        if self in crashed:
            os.write(2, b"the socket is closed\n")
            _wait_at(gate)

    ProgressSocket.drain = drain_or_crash  # type: ignore[method-assign]
    ProgressSocket._close = close_and_wait  # type: ignore[method-assign]


def broken(number: float) -> None:
    """None of its own messages does that."""
    from actors.worker.standalone import Standalone

    signalled = Standalone.signalled

    def crash_or_not(standalone: Standalone, got: int) -> None:
        if got == number:
            told: Any = "none of its messages"
            standalone.worker.tell(told)
        else:
            signalled(standalone, got)

    Standalone.signalled = crash_or_not  # type: ignore[method-assign, assignment]


def hung(gate: str) -> None:
    """As on a network file system whose server is gone."""
    from actors.worker.trainer import actor, look

    look.TIMEOUT = 0.5  # type: ignore[misc]

    def wait(*_: Any) -> tuple[str, ...]:
        _wait_at(gate)
        return ()

    actor.checkpoints_since = wait  # type: ignore[assignment, attr-defined]


def frozen(gate: str) -> None:
    """The same for the folder of the runs, as soon as a run begins."""
    from actors.worker.outputs import Runs

    patient(2.0)
    for name in ("begin", "find", "__iter__"):
        setattr(Runs, name, lambda *_: _wait_at(gate))


def deaf(gate: str) -> None:
    """The same as soon as a run is written; the worker's end waits for less."""
    from actors.worker import clients
    from actors.worker.outputs import Run
    from actors.worker.outputs.journal import JournalActor

    clients.STALLED = 1.0  # type: ignore[misc]
    for name in ("write_summary", "write_live", "end_live"):
        setattr(Run, name, lambda *_, **__: _wait_at(gate))
    JournalActor._write = lambda *_: _wait_at(gate)  # type: ignore[assignment, method-assign]


def patient(seconds: float) -> None:
    """Who asks a file system for something has this time."""
    from actors.worker import bounded

    bounded.ANSWER = seconds  # type: ignore[misc]


def unanswered(seconds: float) -> None:
    """A keeper answers at once."""
    from actors.worker.trainer import kept

    kept.ANSWER = kept.NOTICE = seconds  # type: ignore[misc]


def unresolved(gate: str) -> None:
    """No name server answers."""
    import socket

    told = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        if host in (None, "::") or str(host)[0].isdecimal():
            return told(host, *arguments, **options)
        return _wait_at(gate)

    socket.getaddrinfo = getaddrinfo
    socket.getfqdn = lambda *_: _wait_at(gate)  # type: ignore[assignment]


def hurried(seconds: float) -> None:
    """The page is not waited for."""
    from actors.worker import clients

    clients.SERVE_TIMEOUT = seconds  # type: ignore[misc]


def threadless(name: str) -> None:
    """As where the system has too many."""
    start = threading.Thread.start

    def start_or_not(self: threading.Thread) -> None:
        if self.name == name:
            raise RuntimeError("can't start new thread")
        start(self)

    threading.Thread.start = start_or_not  # type: ignore[method-assign]


def threads(count: int) -> None:
    """As under a limit of processes."""
    start = threading.Thread.start

    def start_or_not(self: threading.Thread) -> None:
        if threading.active_count() >= count:
            raise RuntimeError("can't start new thread")
        start(self)

    threading.Thread.start = start_or_not  # type: ignore[method-assign]


def _wait_at(gate: str) -> None:
    with Path(gate).open() as opened:
        opened.readline()


CHANGES = {
    change.__name__: change
    for change in (
        *(prompt, impatient, hasty, lasting, resigned),
        *(stuck, clock, broken, hung, frozen, patient, deaf, unanswered, threadless, crash),
        *(unresolved, hurried, threads),
    )
}

if __name__ == "__main__":
    for name, value in json.loads(sys.argv[1]).items():
        CHANGES[name](value)
    sys.exit(run_worker.main(sys.argv[2:]))
