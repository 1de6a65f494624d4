"""The unit set: tests that open no socket and start no process, and what holds them to it."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

import zmq

OUTSIDE = (
    "actors.worker.notices.notifier",  # it starts processes
    "aiohttp",
    "aiortc",
    "selenium",
    "socket",
    "ssl",
    "subprocess",
    "urllib.request",
    "zmq",
    "tests.support.training_rig",  # its actor starts processes
)
"""Whoever names something of these opens sockets or starts processes."""


def is_unit(module: ModuleType) -> bool:
    """Whether neither ``module`` nor a helper of ``tests.support`` that it uses names ``OUTSIDE``.

    So a test module is of the unit set until it imports something for which it is not.
    """
    return not _goes_outside(module, set())


def _goes_outside(module: ModuleType, seen: set[str]) -> bool:
    seen.add(module.__name__)
    for thing in list(vars(module).values()):
        name = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", "")
        if not isinstance(name, str) or name in seen:
            continue
        if any(name == outside or name.startswith(f"{outside}.") for outside in OUTSIDE):
            return True
        if name.startswith("tests.support.") and _goes_outside(sys.modules[name], seen):
            return True
    return False


@contextmanager
def nothing_outside() -> Iterator[None]:
    """Whatever opens a socket or starts a process raises, but for an event loop's own pair."""
    init = socket.socket.__init__

    def only_a_pair(self: socket.socket, *arguments: Any, **options: Any) -> None:
        # ``socketpair`` gives each end the descriptor that it is made of.
        if options.get("fileno", arguments[3] if len(arguments) > 3 else None) is None:
            _refuse()
        init(self, *arguments, **options)

    with (
        mock.patch.object(socket.socket, "__init__", only_a_pair),
        mock.patch.object(zmq.Socket, "__init__", _refuse),
        mock.patch.object(subprocess.Popen, "__init__", _refuse),
    ):
        yield


def _refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("a test of the unit set opens no socket and starts no process")
