"""A client channel's actor: owns one client's channel and its place in the run, on the event loop.

Every use of the channel is on the loop's thread, open-state check and send in the same callback.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from actors.client_channel.texts import PageText, PageTexts
from actors.progress_listener import text_bytes
from actors.runtime import LoopActor, ReporterActor, TypedRef, deliver
from messages import (
    AttachChannel,
    ChannelClosed,
    ChannelLost,
    ChildDown,
    ClientChannelMessage,
    ClientGone,
    ClientMessageReceived,
    ClientStatus,
    CloseChannel,
    CountReports,
    DataChannel,
    FlushReports,
    FollowRun,
    ForwardText,
    Mailbox,
    OwnerEvent,
    ProgressPage,
    PublishControl,
    ReadProgress,
    ReportsFlushed,
    StopReading,
)
from messages.wire import (
    EVENTS_PROTOCOL,
    PROGRESS_REPORT,
    ControlText,
    OtherText,
    parse_client_text,
)

if TYPE_CHECKING:
    from actors.settings import ReporterSettings

log = logging.getLogger(__name__)

LOOK_AGAIN: Final = 0.25
"""Seconds after which a channel that was not open is looked at again: not every kind of channel
announces that it opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changed:
    """The channel number ``channel`` has opened, or has room again."""

    channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Closed:
    """The channel number ``channel`` has closed."""

    channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _LookAgain:
    """A channel that was not open may be open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _FlushOver:
    """The time of ``flush`` is up."""

    flush: FlushReports


_Inbox: TypeAlias = (
    ClientChannelMessage | ProgressPage | _Changed | _Closed | _LookAgain | _FlushOver
)


def spawn(
    *,
    client_id: str,
    after: int,
    loop: asyncio.AbstractEventLoop,
    parent: Mailbox[ChildDown | ChannelClosed | ChannelLost],
    owner: Mailbox[OwnerEvent],
    settings: ReporterSettings,
    former: ClientStatus | None = None,
) -> TypedRef[ClientChannelMessage]:
    """Start the actor on ``loop``; its client is given what comes after the position ``after``.

    ``former`` are the counts of a client that comes back.
    """
    return TypedRef(
        ClientChannelActor.start(
            client_id=client_id,
            after=after,
            loop=loop,
            parent=parent,
            owner=owner,
            settings=settings,
            former=former,
        )
    )


class ClientChannelActor(ReporterActor, LoopActor):
    """Takes ``ClientChannelMessage``; forwards reports page by page as the channel has room.

    When its channel has closed and a report comes that it cannot forward, it tells its parent
    ``ChannelLost``. Ends at ``CloseChannel``, and then tells ``ChannelClosed`` with the client's
    place, as it does after a crash.
    """

    def __init__(
        self,
        *,
        client_id: str,
        after: int,
        loop: asyncio.AbstractEventLoop,
        parent: Mailbox[ChildDown | ChannelClosed | ChannelLost],
        owner: Mailbox[OwnerEvent],
        settings: ReporterSettings,
        former: ClientStatus | None = None,
    ) -> None:
        super().__init__(loop)
        self.name = f"client channel {client_id}"
        self.parent = self._parent = parent
        self._client_id = client_id
        self._owner = owner
        self._settings = settings
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._low_mark = settings.channel_high_water // 4
        self._run: FollowRun | None = None
        self._channel: DataChannel | None = None
        self._channels = 0
        self._accept_control = False
        self._closed = self._refused = False
        self._look: asyncio.TimerHandle | None = None
        self._reading = False
        self._rest = 0
        self._resting: asyncio.Handle | None = None
        self._texts = PageTexts(events=False)
        self._wants_events = False
        self._page: deque[PageText] = deque()
        self._position = self._written_off = after
        self._forwarded = 0 if former is None else former.forwarded
        self._failed = 0 if former is None else former.failed
        self._missed = 0 if former is None else former.missed
        self._spell = 0
        self._flush: FlushReports | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._reply_to: Mailbox[ChannelClosed] = parent

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case AttachChannel():
                self._attach(message)
            case FollowRun():
                self._run, self._reading = message, False
                self._go_on()
            case ProgressPage():
                self._take(message)
            case _Changed():
                if message.channel == self._channels:
                    self._go_on()
            case _Closed():
                if message.channel == self._channels:
                    self._channel_closed()
            case _LookAgain():
                self._look = None
                self._go_on()
            case ForwardText():
                self._forward_text(message.text)
            case FlushReports():
                self._begin_flush(message)
            case _FlushOver():
                self._flush_over(message.flush)
            case CountReports():
                deliver(message.reply_to, self._status())
            case CloseChannel():
                self._reply_to = message.reply_to
                self._reading = False  # a page that comes before the stop is its successor's
                self.stop()
            case _:
                assert_never(message)

    def release(self) -> None:
        """Tell how far the client came and let go of the channel, which is left as it is."""
        waiting = sum(text.is_report for text in self._page) if self._closed else 0
        self._failed += waiting
        deliver(self._reply_to, ChannelClosed(status=self._status(), waiting=waiting))
        self._channel = None
        for handle in (self._look, self._flush_timer, self._resting):
            if handle is not None:
                handle.cancel()
        if self._run is not None:
            self._run.listener.tell(StopReading(reply_to=self._me))

    # The channel

    def _attach(self, message: AttachChannel) -> None:
        self._channel = channel = message.channel
        self._begin(getattr(channel, "protocol", ""), message.after)
        self._accept_control = message.accept_control
        self._closed = self._refused = False
        self._channels = number = self._channels + 1
        # A handler that raised would close the client's whole connection: each does no more than
        # tell.
        channel.on("message", lambda data: self._data_arrived(number, data))
        channel.on("close", lambda: self._me.tell(_Closed(channel=number)))
        changed = _Changed(channel=number)
        channel.on("open", lambda: self._me.tell(changed))
        channel.on("bufferedamountlow", lambda: self._me.tell(changed))
        log.info("client %s attached after report %d", self._client_id, self._position)
        if channel.readyState == "closed":
            # Announced before anybody listened; behind the texts that came before it.
            self._me.tell(_Closed(channel=number))
        self._go_on()

    def _begin(self, protocol: str, after: int | None) -> None:
        events = protocol == EVENTS_PROTOCOL
        self._texts = PageTexts(events=events)
        if events != self._wants_events or events or after is not None:
            self._wants_events = events
            self._position = self._position if after is None else after
            self._page.clear()  # it was meant for the former channel: it is read again
            self._reading = False

    def _channel_closed(self) -> None:
        if self._closed:
            return
        self._closed = True
        log.info("client %s is gone: its channel is closed", self._client_id)
        deliver(self._owner, ClientGone(client_id=self._client_id, reason="its channel is closed"))
        self._parent.tell(ChannelLost(channel=self._channels, reports_wait=False))
        self._go_on()

    def _data_arrived(self, channel: int, data: object) -> None:
        # Not by way of the inbox: aiortc acknowledges before that has its turn, and a stop waits.
        if channel != self._channels or self._channel is None:
            log.info("a text over a former channel of client %s", self._client_id)
            return
        if not isinstance(data, str):
            log.debug("%s: bytes are not for the reporter", self.name)
            return
        text = parse_client_text(data)
        match text:
            case ControlText() if self._accept_control and self._run is not None:
                self._run.control.tell(PublishControl(command=text.command))
            case ControlText() | OtherText():
                deliver(self._owner, ClientMessageReceived(client_id=self._client_id, text=data))
            case _:
                assert_never(text)

    def _is_open(self) -> bool:
        return self._channel is not None and self._channel.readyState == "open"

    def _forward_text(self, text: str) -> None:
        if self._channel is None or not self._is_open():
            log.error("text not forwarded to client %s: its channel is not open", self._client_id)
            return
        try:
            self._channel.send(text)
        except Exception as error:
            log.error("text not forwarded to client %s: %r", self._client_id, error)

    # Reports

    def _take(self, page: ProgressPage) -> None:
        asked_after = page.last - len(page.messages) - page.missed
        if not self._reading or asked_after != self._position:
            return  # of a listener that has been replaced: its successor is asked again
        self._reading = False
        first = page.last - len(page.messages) + 1
        self._missed += max(0, first - 1 - max(asked_after, self._written_off))
        self._note_missed(page)
        self._page.extend(self._texts.of(page))
        self._position = first - 1
        self._rest = len(page.messages) if page.behind else 0
        self._go_on()

    def _note_missed(self, page: ProgressPage) -> None:
        """One warning when it begins to miss reports, and one line when it has caught up."""
        if page.missed and not self._spell:
            log.warning(
                "client %s misses %d reports, which left the log before it took them",
                self._client_id,
                page.missed,
            )
        self._spell += page.missed
        if self._spell and not page.missed and not page.behind:
            log.info("client %s has caught up; it missed %d", self._client_id, self._spell)
            self._spell = 0

    def _go_on(self) -> None:
        """Forward what the channel has room for, then ask for more; answer the flush when due."""
        channel = self._channel
        if channel is None:
            return
        while self._page and self._is_open() and self._has_room(channel):
            self._forward(channel, self._page.popleft())
        if self._page and not self._is_open():
            self._hold(channel)
        elif channel.bufferedAmount > self._low_mark:
            channel.bufferedAmountLowThreshold = self._low_mark
        elif self._page or (self._flush is not None and channel.bufferedAmount > 0):
            channel.bufferedAmountLowThreshold = 0
        # A channel that is not open is read for too: that a report cannot be given is an error.
        if not self._page and (not self._is_open() or channel.bufferedAmount <= self._low_mark):
            self._read_on()
        self._answer_flush()

    def _has_room(self, channel: DataChannel) -> bool:
        waiting = channel.bufferedAmount
        return (
            waiting == 0
            or waiting + text_bytes(self._page[0].text) <= self._settings.channel_high_water
        )

    def _forward(self, channel: DataChannel, item: PageText) -> None:
        self._position += item.entries
        if not item.text:
            return
        counts = item.is_report and self._position > self._written_off
        try:
            channel.send(item.text)
        except Exception as error:
            # The type too: the text of aiortc's InvalidStateError is empty.
            self._failed += counts
            log.error(
                "progress report %d (%d characters) not forwarded to client %s: %s: %s",
                self._position,
                len(item.text) - len(PROGRESS_REPORT),
                self._client_id,
                type(error).__name__,
                error,
            )
        else:
            self._refused = False
            self._forwarded += counts
            log.debug("progress report %d forwarded to client %s", self._position, self._client_id)

    def _hold(self, channel: DataChannel) -> None:
        """Keep the reports of a channel that is not open: it, or its successor, gets them."""
        if not self._refused:
            self._refused = True
            log.error(
                "progress report %d not forwarded to client %s: its channel is %s",
                self._position + 1,
                self._client_id,
                channel.readyState,
            )
        if self._closed:
            self._parent.tell(ChannelLost(channel=self._channels, reports_wait=True))
        elif self._look is None:
            self._look = self._loop.call_later(LOOK_AGAIN, self._me.tell, _LookAgain())

    def _read_on(self) -> None:
        if self._reading or self._run is None:
            return
        self._reading = True
        if self._resting is not None:
            self._resting.cancel()
        self._read_after(self._rest, self._run)

    def _read_after(self, turns: int, run: FollowRun) -> None:
        """Ask for more when the event loop has had so many turns, one for each text sent.

        A turn takes in one of the client's acknowledgements. Without the rest they pile up, with
        them what aiortc goes through at every send, and then the client's UDP buffer overflows.
        """
        if turns:
            self._resting = self._loop.call_soon(self._read_after, turns - 1, run)
            return
        self._resting, self._rest = None, 0
        run.listener.tell(
            ReadProgress(
                after=self._position, limit=self._settings.page_messages, reply_to=self._me
            )
        )

    # The end of a job

    def _begin_flush(self, flush: FlushReports) -> None:
        self._flush = flush
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._flush_timer = self._loop.call_later(
            flush.within, self._me.tell, _FlushOver(flush=flush)
        )
        self._go_on()

    def _answer_flush(self) -> None:
        flush, channel = self._flush, self._channel
        if flush is None or channel is None:
            return
        if self._is_open() and (self._position < flush.last or channel.bufferedAmount > 0):
            return
        self._end_flush(flush)

    def _flush_over(self, flush: FlushReports) -> None:
        if self._flush is flush:
            log.error(
                "client %s was not given all within %.1f s: %d reports are left",
                self._client_id,
                flush.within,
                max(0, flush.last - self._position),
            )
            self._end_flush(flush)

    def _end_flush(self, flush: FlushReports) -> None:
        self._flush = None
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        self._failed += max(0, flush.last - max(self._position, self._written_off))
        self._written_off = flush.last
        deliver(flush.reply_to, ReportsFlushed(status=self._status()))

    def _status(self) -> ClientStatus:
        return ClientStatus(
            client_id=self._client_id,
            channel_state="closed" if self._channel is None else self._channel.readyState,
            position=self._position,
            forwarded=self._forwarded,
            failed=self._failed,
            missed=self._missed,
        )
