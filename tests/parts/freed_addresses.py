"""Addresses that a socket has been closed at."""

from socket import create_connection

from tests.conftest import settled
from tests.support.ports import occupied


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
    host, port = address.removeprefix("tcp://").rsplit(":", 1)
    try:
        create_connection((host, int(port))).close()
    except OSError:
        return False
    return True
