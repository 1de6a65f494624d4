"""A client channel's actor: owns one client's channel and its cursor, on the event loop.

Every use of the channel is on the loop's thread, open-state check and send in the same callback.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from actors.client_channel.channels import EarlyChannel, NotSentError, data_channel
from actors.client_channel.cursor import Cursor
from actors.runtime import LoopActor, TypedRef, reply, starter
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
    Mailbox,
    OwnerEvent,
    ProgressPage,
    PublishControl,
    ReadProgress,
    ReportsFlushed,
    StopReading,
)
from messages.wire import ControlText, parse_client_text, text_bytes

if TYPE_CHECKING:
    from actors.settings import ReporterSettings

log = logging.getLogger(__name__)

FIRST_LOOK: Final = 0.25
"""Seconds to the first look whether a channel has opened; each further one takes as long as all
before it."""

CLOSED: Final = "its channel is closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changed:
    """The channel that was ``attached`` may have opened, has room again, or ``is_closed``."""

    attached: AttachChannel
    is_closed: bool = False


_Inbox: TypeAlias = ClientChannelMessage | _Changed


class ClientChannelActor(LoopActor[ClientChannelMessage]):
    """Takes ``ClientChannelMessage``; forwards reports page by page as the channel has room.

    Its client is given what comes after the position ``after``; None is the beginning of the job,
    for which whoever starts the actor asks the listener in its place. ``former`` are the counts of
    a client that comes back, and ``run`` is what it follows at first. When its channel has closed
    it tells its parent ``ChannelLost``, and tells it again, maybe several times, when reports wait
    for it. Ends at ``CloseChannel``. Whatever ends it, it tells ``ChannelClosed`` with the client's
    position.
    """

    def __init__(
        self,
        *,
        client_id: str,
        after: int | None,
        loop: asyncio.AbstractEventLoop,
        parent: Mailbox[ChildDown | ChannelClosed | ChannelLost],
        owner: Mailbox[OwnerEvent],
        settings: ReporterSettings,
        run: FollowRun,
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
        self._cursor = Cursor(client_id, after, former)
        self._run = run
        self._attached: AttachChannel | None = None
        self._channel: DataChannel | None = None
        self._closed = self._hold_is_logged = False
        self._not_open_since: float | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._yielding: asyncio.Handle | None = None
        self._flush: FlushReports | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._reply_to: Mailbox[ChannelClosed] = parent

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case AttachChannel():
                self._attach(message)
            case FollowRun():
                self._run = message
                self._cursor.expects_page = False  # who was asked for it is gone
                self._go_on()
            case ProgressPage():
                if self._cursor.take(message, now=self._loop.time()):
                    self._go_on()  # else it is of a listener that has been replaced
            case _Changed(attached=attached):
                if attached is self._attached and message.is_closed:
                    self._channel_closed(CLOSED)
                elif attached is self._attached:
                    self._go_on()
            case FlushReports():
                self._begin_flush(message)
            case CountReports():
                reply(message.reply_to, self._status())
            case CloseChannel():
                self._reply_to = message.reply_to
                self._cursor.expects_page = False  # what comes before the stop is its successor's
                self.stop()
            case _:
                assert_never(message)

    def release(self) -> None:
        """Tell how far the client came and release the channel, which is left as it is."""
        self._cursor.failures.log_left_out()
        waiting = self._cursor.waiting if self._closed else 0
        reply(self._reply_to, ChannelClosed(status=self._status(), waiting=waiting))
        self._attached = self._channel = self._flush = None
        for handle in (self._looking, self._flush_timer, self._yielding):
            if handle is not None:
                handle.cancel()
        self._run.listener.tell(StopReading(reply_to=self._me))

    # The channel

    def _attach(self, message: AttachChannel) -> None:
        self._attached, self._channel = message, None
        self._closed = self._hold_is_logged = False
        self._not_open_since = None
        try:
            self._channel = channel = data_channel(message.channel)
            self._cursor.begin(getattr(channel, "protocol", ""), message.after)
            self._listen_to(channel, message)
        except Exception as error:
            self._channel_closed(f"its channel cannot be used: {error!r}", for_good=True)
            return
        log.info("client %s attached after report %d", self._client_id, self._cursor.position)
        self._go_on()

    def _listen_to(self, channel: DataChannel, attached: AttachChannel) -> None:
        # A handler that raised would close the client's whole connection: each does no more than
        # tell.
        changed, closed = _Changed(attached=attached), _Changed(attached=attached, is_closed=True)
        if attached.accept_texts is True:
            early: object = attached.channel
            if not isinstance(early, EarlyChannel):
                early = EarlyChannel(channel, self._client_id)
            early.listen(lambda text: self._text_arrived(attached, text))
        channel.on("close", lambda: self._me.tell(closed))
        channel.on("open", lambda: self._me.tell(changed))
        channel.on("bufferedamountlow", lambda: self._room_again(changed))

    def _room_again(self, changed: _Changed) -> None:
        # aiortc announces it for each report of a training's pace: a turn for nothing.
        if self._flush is not None or not self._cursor.expects_page:
            self._me.tell(changed)

    def _channel_closed(self, reason: str, *, for_good: bool = False) -> None:
        if self._closed or self._attached is None:
            return
        self._closed = True
        level = logging.WARNING if for_good else logging.INFO
        log.log(level, "client %s is gone: %s", self._client_id, reason)
        reply(self._owner, ClientGone(client_id=self._client_id, reason=reason))
        self._parent.tell(ChannelLost(channel=self._attached.channel, reports_wait=for_good))
        self._go_on()

    def _text_arrived(self, attached: AttachChannel, data: str) -> None:
        # At once and not by way of the inbox: aiortc would send its acknowledgement before that has
        # its turn, and a stop would wait for that, 0.1 ms.
        if attached is not self._attached:
            log.info("a text over a former channel of client %s", self._client_id)
            return
        text = parse_client_text(data)
        if isinstance(text, ControlText) and attached.accept_control:
            self._run.control.tell(PublishControl(command=text.command))
        else:
            reply(self._owner, ClientMessageReceived(client_id=self._client_id, text=data))

    def _is_open(self) -> bool:
        return self._state() == "open"

    def _state(self) -> str:
        if self._closed or self._channel is None:
            return "closed"
        return self._channel.readyState

    # Reports

    def _go_on(self) -> None:
        """Forward what the channel has room for, then ask for more; answer the flush when due."""
        attached, channel, cursor = self._attached, self._channel, self._cursor
        if attached is None or channel is None:
            self._answer_flush()
            return
        while (item := cursor.next) and self._is_open() and self._has_room(channel, item.text):
            try:
                if cursor.send_next(channel):
                    self._hold_is_logged = False
            except NotSentError as error:
                self._channel_closed(str(error), for_good=True)
                return
        if self._is_open():
            self._not_open_since = None
            self._await_room(channel)
            if channel.bufferedAmount <= self._low_mark:
                self._read_on()
        else:
            self._hold(attached)
            # It is read for anyway: that a report cannot be given to it is an error.
            self._read_on()
        self._answer_flush()

    def _has_room(self, channel: DataChannel, text: str) -> bool:
        waiting = channel.bufferedAmount
        return waiting == 0 or waiting + text_bytes(text) <= self._settings.channel_high_water

    def _await_room(self, channel: DataChannel) -> None:
        """Have the channel announce when it has room for more, or has sent all of a flush."""
        if channel.bufferedAmount > self._low_mark:
            channel.bufferedAmountLowThreshold = self._low_mark
        elif channel.bufferedAmount and (self._cursor.next is not None or self._flush is not None):
            channel.bufferedAmountLowThreshold = 0

    def _hold(self, attached: AttachChannel) -> None:
        """Keep the reports of a channel that is not open: it, or its successor, gets them."""
        reports_wait = self._cursor.next is not None
        if reports_wait and not self._hold_is_logged:
            self._hold_is_logged = True
            log.error(
                "progress report %d not forwarded to client %s: its channel is %s",
                self._cursor.position + 1,
                self._client_id,
                self._state(),
            )
        if not self._closed:
            self._await_opening(attached)
        elif reports_wait:
            self._parent.tell(ChannelLost(channel=attached.channel, reports_wait=True))

    def _await_opening(self, attached: AttachChannel) -> None:
        """Look again and again, ever later: not every kind of channel announces what it does."""
        state, now, timeout = self._state(), self._loop.time(), self._settings.open_timeout
        if self._not_open_since is None:
            self._not_open_since = now
        waited = now - self._not_open_since
        if state == "closed":
            self._channel_closed(CLOSED)
        elif waited >= timeout:
            reason = f"its channel has not opened within {timeout:g} s: it is {state}"
            self._channel_closed(reason, for_good=True)
        else:
            if self._looking is not None:
                self._looking.cancel()
            delay = min(max(FIRST_LOOK, waited), timeout - waited)
            self._looking = self._loop.call_later(delay, self._me.tell, _Changed(attached=attached))

    def _read_on(self) -> None:
        if not self._cursor.ask():
            return
        if self._yielding is not None:
            self._yielding.cancel()
        if self._flush is None and self._loop.time() < self._cursor.due:
            self._yielding = self._loop.call_at(self._cursor.due, self._read_after, 0)
        else:
            self._read_after(self._cursor.turns_to_yield)

    def _read_after(self, turns: int) -> None:
        """Ask for more when the event loop has had so many turns, one for each text sent.

        A turn takes in one of the client's acknowledgements. Otherwise they pile up, with them what
        aiortc goes through at every send, and then the client's UDP buffer overflows.
        """
        if turns:
            self._yielding = self._loop.call_soon(self._read_after, turns - 1)
            return
        self._yielding = None
        self._run.listener.tell(
            ReadProgress(
                after=self._cursor.after,
                limit=self._settings.page_messages * self._cursor.page_factor,
                reply_to=self._me,
            )
        )

    # The end of a job

    def _begin_flush(self, flush: FlushReports) -> None:
        self._end_flush()  # one that was asked for before
        self._flush = flush
        if isinstance(self._yielding, asyncio.TimerHandle):
            self._yielding.cancel()  # there is no time for a pause
            self._read_after(0)
        timed_out = partial(self._end_flush, timed_out=True)
        self._flush_timer = self._loop.call_later(flush.timeout, timed_out)
        self._go_on()

    def _answer_flush(self) -> None:
        flush, channel = self._flush, self._channel
        if flush is None or self._cursor.after is None:
            return
        has_all = self._cursor.position >= flush.counts.last
        if channel is None or not self._is_open() or (has_all and channel.bufferedAmount == 0):
            self._end_flush()

    def _end_flush(self, *, timed_out: bool = False) -> None:
        """Answer the flush, if any: what the client was not given of the job has failed."""
        flush, self._flush = self._flush, None
        if flush is None:
            return
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._cursor.failures.log_left_out()
        left = self._cursor.give_up(flush.counts)
        if timed_out and left:
            log.error(
                "client %s was not given all within %.1f s: %d reports are left",
                self._client_id,
                flush.timeout,
                left,
            )
        elif timed_out:
            log.info("client %s has not taken all that it was sent", self._client_id)
        reply(flush.reply_to, ReportsFlushed(status=self._status(flush.counts.job)))

    def _status(self, job: int | None = None) -> ClientStatus:
        try:
            state = self._state()
        except Exception as error:  # how far the client came is told whatever its channel does
            log.error(
                "the channel of client %s does not tell its state: %r", self._client_id, error
            )
            state = "closed"
        return self._cursor.status(state, job)


spawn = starter(ClientChannelActor)
