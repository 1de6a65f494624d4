"""Addresses of sockets: free ones, taken ones, and ones that somebody serves."""

import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from urllib.parse import unquote, urlsplit

from tests.support.waiting import settled

FREE_PORT = "tcp://127.0.0.1:*"

_FIRST, _LAST = 15_000, 32_000  # below the ports that the system gives to who asks for a free one


def port_of(address: str) -> int:
    """The port of a ZeroMQ address or of a link."""
    return urlsplit(address).port or 0


def parts_of(link: str) -> tuple[str, str]:
    """The address of a page, without the slash, and the token that its ``link`` carries."""
    base, _, token = link.partition("/#token=")
    return base, unquote(token)


def fixed_addresses(count: int) -> list[str]:
    """``count`` addresses whose ports nobody uses and the system hands out to nobody."""
    ports = random.Random(os.urandom(8)).sample(range(_FIRST, _LAST), 100)
    addresses = (f"tcp://127.0.0.1:{port}" for port in ports)
    return list(islice(filter(is_free, addresses), count))


@contextmanager
def occupied(address: str) -> Iterator[None]:
    """Another program listens at ``address``."""
    with socket.create_server(("127.0.0.1", port_of(address))):
        yield


def is_free(address: str) -> bool:
    """Whether another program can bind ``address`` at once."""
    try:
        with occupied(address):
            return True
    except OSError:
        return False


def becomes_free(address: str) -> bool:
    """Whether another program can bind ``address``: libzmq lets go of it a moment later."""
    return settled(lambda: is_free(address))


def is_served(address: str) -> bool:
    """Whether somebody listens at ``address``; unlike a bind, asking does not take it."""
    try:
        socket.create_connection(("127.0.0.1", port_of(address))).close()
    except OSError:
        return False
    return True


def has_ipv6() -> bool:
    """Whether this machine has IPv6, which a container may lack."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
