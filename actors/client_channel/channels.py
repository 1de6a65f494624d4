"""``attach``: for code on the event loop that has just been given a channel.

Channels of the host's making become a ``DataChannel`` here.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from messages import AttachClient, DataChannel, Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

EARLY_LIMIT: Final = 1000
EARLY_BYTES: Final = 4 * 1024 * 1024
"""Events of a channel that are kept until its actor listens, a few milliseconds, and their size."""

_ASYNC_SEND: Final = (
    "its send(str) is to be awaited, and sends nothing when it is called: give the channel a plain "
    "method that sends, or starts a task that does"
)

EARLY_TIME: Final = 30.0
"""Seconds after which nobody is going to listen: beyond all that an event loop may be held up."""

_EVENTS: Final = ("open", "close", "bufferedamountlow")


class NotSentError(TypeError):
    """A channel's ``send`` has only made something that is to be awaited."""


def attach(
    supervisor: Mailbox[AttachClient],
    *,
    client_id: str,
    channel: DataChannel,
    accept_control: bool = True,
    after: int | None = None,
    accept_texts: bool = True,
) -> None:
    """Attach ``channel`` as the client ``client_id``, and lose nothing that it sends meanwhile.

    The other arguments are those of ``AttachClient``. Call it on the event loop's thread, in the
    callback that announces the channel: what a client sends before somebody listens is lost for
    good. A channel that is none is ``ClientGone`` to the supervisor's owner.
    """
    early: Any = channel
    try:
        if _is_whole(channel):
            early = EarlyChannel(channel, texts=accept_texts)
    except Exception as error:  # whatever a host's channel raises when it is looked at
        log.debug("what is early of a channel is not kept: %r", error)
    supervisor.tell(
        AttachClient(
            client_id=client_id,
            channel=early,
            accept_control=accept_control,
            after=after,
            accept_texts=accept_texts,
        )
    )


def data_channel(channel: Any) -> DataChannel:
    """``channel`` itself, or what makes a ``DataChannel`` of one that can do no more than send.

    Raises TypeError for what has no ``send``, or one that is to be awaited.
    """
    whole: DataChannel = channel.channel if isinstance(channel, EarlyChannel) else channel
    if _is_whole(whole):
        return whole
    send = getattr(channel, "send", None)
    if not callable(send):
        raise TypeError(f"a channel has a method send(str), which {channel!r:.100} has not")
    if inspect.iscoroutinefunction(send):
        raise TypeError(_ASYNC_SEND)
    return _SendOnlyChannel(channel)


def check_sent(result: object) -> None:
    """``result`` is what a channel's ``send`` has returned; raises NotSentError if it sent nothing.

    A task or a future goes on by itself.
    """
    if result is None or not inspect.isawaitable(result) or asyncio.isfuture(result):
        return
    if inspect.iscoroutine(result):
        result.close()  # else Python warns that nobody has awaited it
    raise NotSentError(_ASYNC_SEND)


def _is_whole(channel: Any) -> bool:
    return (
        callable(getattr(channel, "send", None))
        and not inspect.iscoroutinefunction(channel.send)
        and callable(getattr(channel, "on", None))
        and isinstance(getattr(channel, "bufferedAmount", None), int)
        and isinstance(getattr(channel, "readyState", None), str)
    )


class _SendOnlyChannel:
    """Always has room, and announces nothing."""

    bufferedAmount = 0
    bufferedAmountLowThreshold = 0

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    @property
    def readyState(self) -> str:
        state = getattr(self._channel, "readyState", None)
        return state if isinstance(state, str) else "open"

    def send(self, data: str, /) -> object:
        return self._channel.send(data)

    def on(self, event: str, f: Callable[..., Any], /) -> object:
        del event
        return f


class EarlyChannel:
    """Keeps what arrives by ``channel`` until somebody listens here."""

    def __init__(self, channel: DataChannel, *, texts: bool) -> None:
        self.channel = channel
        self._early: dict[str, deque[tuple[Any, ...]]] = {}
        self._room, self._lost = EARLY_BYTES, False
        # Nobody ever listens when there is no reporter any more.
        self._over = asyncio.get_running_loop().call_later(EARLY_TIME, self._give_up)
        self._listeners: dict[str, Callable[..., Any]] = {}
        for event in (*_EVENTS, "message") if texts else _EVENTS:
            self._early[event] = deque()
            channel.on(event, self._catch(event))

    def _give_up(self) -> None:
        self._room = -1
        for early in self._early.values():
            early.clear()

    def _catch(self, event: str) -> Callable[..., None]:
        def caught(*arguments: Any) -> None:
            listener = self._listeners.get(event)
            if listener is not None:
                listener(*arguments)
                return
            self._room -= sum(len(data) for data in arguments if isinstance(data, str | bytes))
            if self._room >= 0 and len(self._early[event]) < EARLY_LIMIT:
                self._early[event].append(arguments)
            elif not self._lost:
                self._lost = True
                log.warning("events of a channel are lost: too many before its actor listens")

        return caught

    def on(self, event: str, f: Callable[..., Any], /) -> object:
        """Pass on what was caught, then all that comes."""
        self._over.cancel()
        self._listeners[event] = f
        early = self._early[event]
        while early:
            f(*early.popleft())
        return f
