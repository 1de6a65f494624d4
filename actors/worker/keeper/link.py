"""Link: a worker at the other end of a socket, which is never waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actors.worker.keeper.talk import Listener, Missed, NotUnderstoodError, Wrote, said

if TYPE_CHECKING:
    import socket

    from actors.worker.keeper.output import Output
    from actors.worker.keeper.talk import Event

FULL: Final = 128 * 1024
"""Bytes that wait for the worker beyond which no more output is added."""

OVERFULL: Final = 4 * 1024 * 1024
"""Bytes of events that wait beyond which it is given up: it takes none."""

_CHUNK: Final = 64 * 1024


class Link:
    """Gets events as they come, and the output as fast as it takes it from ``position`` on.

    While ``position`` is None it gets nothing: it has not asked for it yet.
    """

    def __init__(
        self,
        socket: socket.socket,
        *,
        position: int | None = None,
        listener: Listener | None = None,
    ) -> None:
        socket.setblocking(False)
        self.socket = socket
        self.position = position
        self._waiting = bytearray()
        self._listener = listener or Listener()
        self.is_open = True
        """Whether the worker is there; who has made the link closes its socket."""

    def tell(self, event: Event) -> None:
        """Tell ``event``, before output that has not been told yet."""
        if self.is_open and self.position is not None:
            self._waiting += said(event)
            if len(self._waiting) > OVERFULL:
                self.is_open = False

    def flush(self, output: Output) -> None:
        """Send what it takes."""
        while self.is_open:
            self._add(output)
            if not self._waiting:
                return
            try:
                del self._waiting[: self.socket.send(self._waiting)]
            except BlockingIOError:
                return
            except OSError:
                self.is_open = False

    def _add(self, output: Output) -> None:
        if self.position is None:
            return
        if self.position < output.first:
            self._waiting += said(Missed(self.position, output.first))
            self.position = output.first
        while self.position < output.last and len(self._waiting) < FULL:
            piece = output.piece(self.position)
            self.position += len(piece)
            self._waiting += said(Wrote(piece, self.position))

    def has_all(self, output: Output) -> bool:
        """Whether nothing waits for it."""
        return not self.is_open or (not self._waiting and self.position in (None, output.last))

    @property
    def is_waited_for(self) -> bool:
        """Whether it has not taken all that was sent."""
        return self.is_open and bool(self._waiting)

    def orders(self) -> list[Any]:
        """The orders that have come; closed at its end, or when it talks nonsense."""
        try:
            data = self.socket.recv(_CHUNK)
            if data:
                return self._listener.hear(data)
        except BlockingIOError:
            return []
        except (OSError, NotUnderstoodError):
            pass
        self.is_open = False
        return []
