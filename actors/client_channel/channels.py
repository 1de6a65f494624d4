"""``attach``: for code on the event loop that has just been given a channel.

Channels of the host's making become a ``DataChannel`` here.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any, Final

from actors.client_channel.text_limit import LIMIT, TextLimit
from messages import AttachClient, DataChannel, Mailbox
from messages.wire import text_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_ASYNC_SEND: Final = (
    "its send(str) is to be awaited, and sends nothing when it is called: give the channel a plain "
    "method that sends, or starts a task that does"
)

EARLY_TIME: Final = 30.0
"""Seconds after which nobody is going to listen: beyond all that an event loop may be held up."""


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
        if accept_texts is True and _is_whole(channel):
            early = EarlyChannel(channel, client_id)
    except Exception as error:  # whatever a host's channel raises when it is looked at
        log.debug("early texts of a channel are not kept: %r", error)
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
    send = getattr(whole, "send", None)
    if not callable(send):
        raise TypeError(f"a channel has a method send(str), which {channel!r:.100} has not")
    if inspect.iscoroutinefunction(send):
        raise TypeError(_ASYNC_SEND)
    return whole if _is_whole(whole) else _SendOnlyChannel(whole)


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
        callable(getattr(channel, "on", None))
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
    """Limits the texts that arrive by ``channel``, and keeps them until somebody listens here."""

    def __init__(self, channel: DataChannel, client_id: str) -> None:
        self.channel = channel
        self._client_id = client_id
        self._loop = asyncio.get_running_loop()
        self._limit = TextLimit()
        self._dropping = False
        self._early: list[str] = []
        self._listener: Callable[[str], None] = self._early.append
        channel.on("message", self._arrived)
        # Nobody ever listens when there is no reporter any more.
        self._over = self._loop.call_later(EARLY_TIME, self._give_up)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with each text, those that are kept first."""
        self._over.cancel()
        self._listener = listener
        for text in self._early:
            listener(text)
        self._early.clear()

    def _arrived(self, data: object) -> None:
        if not isinstance(data, str):
            log.debug("client %s: bytes are not for the reporter", self._client_id)
        elif self._limit.takes(text_bytes(data), now=self._loop.time()):
            self._listener(data)
        elif not self._dropping:
            self._dropping = True
            log.warning(
                "client %s sends too much: what is over %s is dropped", self._client_id, LIMIT
            )

    def _give_up(self) -> None:
        self._listener = lambda _: None
        self._early.clear()
