"""LocalChannel: an in-process client, whose texts go to an actor's mailbox."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from messages import EVENTS_PROTOCOL, Mailbox, TextsForwarded, TextsTaken, text_bytes

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class LocalChannel:
    """A ``DataChannel`` to ``mailbox``, used on the thread of ``loop`` alone but for ``tell``.

    What the mailbox's actor has not taken yet counts as buffered: a slow terminal or disk is a slow
    client like any other. The channel closes, with a ``failure``, when the actor can take no more,
    or when it is hurried and the actor takes nothing.
    """

    def __init__(
        self,
        mailbox: Mailbox[TextsForwarded],
        *,
        loop: asyncio.AbstractEventLoop,
        protocol: str = EVENTS_PROTOCOL,
    ) -> None:
        self.protocol = protocol
        self._mailbox = mailbox
        self._loop = loop
        self._waiting: list[str] = []
        self._told = self._times = 0
        self._within: float | None = None
        self._why = ""
        self._listeners: dict[str, list[Callable[..., Any]]] = defaultdict(list)
        self.readyState = "open"
        self.bufferedAmount = 0
        self.bufferedAmountLowThreshold = 0
        self.failure: str | None = None
        self.has_taken = False
        """Whether the actor has ever taken all that it was told."""
        self.is_lost = False
        """Whether what it has taken is not to be found any more."""
        self.moved_to: str | None = None
        """The file that what it has taken is in, if that was moved; empty if nobody knows where."""

    def on(self, event: str, f: Callable[..., Any], /) -> object:
        """Call ``f`` at each ``event``."""
        self._listeners[event].append(f)
        return f

    def send(self, data: str, /) -> None:
        """Have ``data`` told, with what comes in the same turn of the event loop."""
        if self.readyState != "open":
            raise ConnectionError(self.failure or "the channel is closed")
        if not self._waiting and not self._told:
            self._loop.call_soon(self._tell_waiting)
        self._waiting.append(data)
        self.bufferedAmount += text_bytes(data)

    def hurry(self, within: float, why: str) -> None:
        """From here on close, for the reason ``why``, when nothing is taken for ``within`` s."""
        self._within, self._why = within, why
        self._watch()

    @property
    def is_awaited(self) -> bool:
        """Whether the actor has not taken what it was told last."""
        return self._told > 0

    def tell(self, message: TextsTaken, /) -> None:
        """The actor's answer, from its own thread."""
        try:
            self._loop.call_soon_threadsafe(self._taken, message)
        except RuntimeError:
            pass  # the event loop is closed: nobody sends any more

    def _tell_waiting(self) -> None:
        texts, self._waiting = tuple(self._waiting), []
        self._told = sum(map(text_bytes, texts))
        self._times += 1
        self._mailbox.tell(TextsForwarded(texts=texts, reply_to=self))
        self._watch()

    def _watch(self) -> None:
        if self._within is not None and self._told:
            self._loop.call_later(self._within, self._look, self._times)

    def _look(self, times: int) -> None:
        if self._told and self._times == times:
            self._fail(self._why)

    def _taken(self, message: TextsTaken) -> None:
        before, self.bufferedAmount = self.bufferedAmount, self.bufferedAmount - self._told
        self._told = 0
        if message.failure is not None:
            self.is_lost = message.is_lost
            self._fail(message.failure)
            return
        self.has_taken = True
        if message.moved_to != self.moved_to:
            self.moved_to = message.moved_to
            self._emit("moved")
        if self._waiting:
            self._tell_waiting()
        if before > self.bufferedAmountLowThreshold >= self.bufferedAmount:
            self._emit("bufferedamountlow")

    def _fail(self, failure: str) -> None:
        if self.readyState == "open":
            self.readyState, self.failure, self._waiting = "closed", failure, []
            self._emit("close")

    def _emit(self, event: str) -> None:
        for listener in list(self._listeners[event]):
            listener()
