"""Addresses with fixed ports, for tests that bind the same ones again and again."""

import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

_FIRST, _LAST = 15_000, 32_000  # below the ports that the system gives to who asks for a free one


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def fixed_addresses(count: int) -> list[str]:
    """``count`` addresses whose ports nobody uses and the system hands out to nobody."""
    ports = random.Random(os.urandom(8)).sample(range(_FIRST, _LAST), 100)
    free = [port for port in ports if _is_free(port)]
    return [f"tcp://127.0.0.1:{port}" for port in free[:count]]


@contextmanager
def occupied(address: str) -> Iterator[None]:
    """Another program listens at ``address``."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    with socket.create_server((host, int(port))):
        yield
