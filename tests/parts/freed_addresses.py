"""Addresses that a socket has been closed at."""

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
