"""Whether the first trainer that joins a PUB socket has subscribed to it too.

A SUB socket that connects for the first time subscribes within a millisecond. One that connects
again, since the PUB socket was bound anew, subscribes only when its owner next uses it: a trainer
between two batches. Until then a PUB socket drops what is published.
"""

from __future__ import annotations

import time
from typing import Final

import zmq

AT_ONCE: Final = 0.02
"""Seconds within which one that connects for the first time subscribes."""


def has_subscriber(socket: zmq.Socket[bytes], *, within: float) -> bool:
    """Whether ``socket`` has had a subscriber, or gets one ``within`` so many seconds; blocks.

    For the thread that owns ``socket``. True where libzmq does not tell; of later subscribers it
    does not: it counts a topic up when it is subscribed to and not down when a connection ends.
    """
    deadline = time.monotonic() + within
    try:
        while True:
            socket.get(zmq.EVENTS)  # has the socket take in what has arrived
            if socket.get(zmq.TOPICS_COUNT):
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(AT_ONCE / 20)
    except zmq.ZMQError:
        return True
