"""Whether the first trainer that joins a PUB socket has subscribed to it too.

A SUB socket that connects for the first time subscribes within a millisecond. One that connects
again, since the PUB socket was bound anew, subscribes only when its owner next uses it: a trainer
between two batches. Until then a PUB socket drops what is published.
"""

from __future__ import annotations

import time
from typing import Final

import zmq

_STEP: Final = 0.001
"""Seconds between two looks."""


def has_subscriber(socket: zmq.Socket[bytes], *, timeout: float) -> bool:
    """Whether ``socket`` has had a subscriber, or gets one within ``timeout`` seconds; blocks.

    For the thread that owns ``socket``. True where libzmq does not tell; of later subscribers it
    does not: it counts a topic up when it is subscribed to and not down when a connection ends.
    """
    deadline = time.monotonic() + timeout
    while not _topics(socket):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_STEP)
    return True


def _topics(socket: zmq.Socket[bytes]) -> int:
    try:
        socket.get(zmq.EVENTS)  # has the socket take in what has arrived
        return int(socket.get(zmq.TOPICS_COUNT))
    except zmq.ZMQError:
        return 1
