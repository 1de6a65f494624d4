"""The ZeroMQ contexts and sockets of this process, as the garbage collector knows them."""

import gc
from typing import Any

import zmq


def _alive(kind: type) -> list[Any]:
    return [thing for thing in gc.get_objects() if issubclass(type(thing), kind)]


class ZmqObjects:
    """The contexts and sockets that were made after this one."""

    def __init__(self) -> None:
        self._former = [*_alive(zmq.Context), *_alive(zmq.Socket)]

    def contexts(self) -> list[Any]:
        """The contexts that were made."""
        return [one for one in _alive(zmq.Context) if not self._is_former(one)]

    def sockets(self, kind: str = "") -> list[Any]:
        """The sockets that were made, of one ``kind`` (``PUB``) or all."""
        # A socket's repr knows its type without touching the socket, which is another thread's.
        return [
            one
            for one in _alive(zmq.Socket)
            if not self._is_former(one) and (not kind or f"(zmq.{kind})" in repr(one))
        ]

    def _is_former(self, thing: object) -> bool:
        return any(thing is former for former in self._former)
