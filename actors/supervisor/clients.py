"""Clients: one bounded record for each client. Plain objects on the supervisor's thread."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never

from actors import client_channel
from actors.runtime import LOOP_CLOSED, Adapter, reply
from actors.supervisor.restarts import RestartIntensity
from actors.supervisor.script import MARGIN, Answered, Missing, Wait
from messages import (
    AttachChannel,
    AttachClient,
    ChannelClosed,
    ChannelLost,
    ChildDown,
    ClientChannelMessage,
    ClientDetached,
    ClientGone,
    ClientStatus,
    CloseChannel,
    DetachClient,
    FlushReports,
    Mailbox,
    OwnerEvent,
    ProgressCounts,
    ReadProgress,
    ReportingDegraded,
    ReportsFlushed,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from actors.runtime import TypedRef
    from actors.settings import ReporterSettings
    from actors.supervisor.children import Children
    from actors.supervisor.script import Steps

log = logging.getLogger(__name__)

GONE_LIMIT: Final = 1000
"""Clients that are gone whose positions are remembered; beyond, the longest gone is forgotten."""

LOST_LIMIT: Final = 50
"""Clients with a closed channel that are kept until a report comes that they cannot be given."""


ClientEvent: TypeAlias = ChildDown | ChannelClosed | ChannelLost
"""What a client's actor tells by itself, ``ChildDown`` last."""


@dataclass(eq=False, slots=True)
class Client:
    """What is known of a client, attached or gone."""

    client_id: str
    status: ClientStatus | None = None
    """How far it came and how it fared, as it has told at the end of a job or of its own."""
    waiting: int = 0
    """Reports that have failed unless it comes back: it is given them then."""
    is_counted: bool = True
    """Whether its reports are in the job's counts."""
    restarts: RestartIntensity = field(default_factory=RestartIntensity)

    def counts(self, job: int) -> Counter[str]:
        """Reports ``forwarded`` and ``failed`` of ``job``, if they are counted."""
        status = self.status
        if status is None or status.job != job or not self.is_counted:
            return Counter()
        failed = status.failed + status.missed + self.waiting
        return Counter(forwarded=status.forwarded, failed=failed)


@dataclass(eq=False, slots=True)
class Attachment:
    """One actor of a client, from its start to its end."""

    client: Client
    message: AttachClient
    ref: TypedRef[ClientChannelMessage] = field(init=False)
    told: Mailbox[ClientEvent] = field(init=False)
    """Its parent's mailbox."""
    is_lost: bool = False
    """Whether its channel is closed, and it is kept for what may still come."""
    closing: bool = False
    next: AttachClient | None = None
    """Who is to be attached when it has ended."""
    detached: list[Mailbox[ClientDetached] | None] = field(default_factory=list)

    def attach(self, message: AttachClient) -> None:
        """Give the actor a channel."""
        self.message, self.is_lost = message, False
        self.ref.tell(
            AttachChannel(
                channel=message.channel,
                accept_control=message.accept_control,
                accept_texts=message.accept_texts,
                after=message.after,
            )
        )

    def close(self) -> None:
        """Have the actor end. Idempotent."""
        if not self.closing:
            self.closing = True
            self.ref.tell(CloseChannel(reply_to=self.told))


class Gather(Wait):
    """A wait that is over when all that were asked have answered or are gone.

    Each client is asked with the message that ``make`` makes with its ``reply_to``.
    """

    def __init__(self, me: Mailbox[Answered], make: Callable[..., Any], *, timeout: float) -> None:
        super().__init__(me, timeout=timeout)
        self._make = make
        self.answers: dict[Client | None, Any] = {}
        """By the client; None is the listener."""
        self.waits_for: set[Client | None] = set()

    def ask(self, attachment: Attachment) -> None:
        """Ask a client."""
        attachment.ref.tell(self._make(reply_to=self.reply_to(attachment.client)))

    def reply_to(self, client: Client | None) -> Mailbox[Any]:
        """The mailbox for the answer of ``client``, who is waited for from now on."""
        self.waits_for.add(client)
        return Adapter(self._me, partial(Answered, partial(self._take, client)))

    def go_on_without(self, client: Client | None) -> None:
        """Wait for ``client`` no longer."""
        self.waits_for.discard(client)
        if not self.waits_for:
            self.tell(None)

    def _take(self, client: Client | None, answer: Any) -> None:
        if client is not None and isinstance(answer, ReportsFlushed):
            client.status = answer.status
        self.answers[client] = answer
        self.go_on_without(client)


@dataclass(eq=False, slots=True, kw_only=True)
class Clients:
    """Starts and ends the clients' actors, and remembers how far each client came."""

    loop: asyncio.AbstractEventLoop
    me: Mailbox[Answered]
    owner: Mailbox[OwnerEvent]
    settings: ReporterSettings
    children: Children
    _clients: dict[str, Client] = field(default_factory=dict)
    """In the order in which they came, or left."""
    _attached: dict[str, Attachment] = field(default_factory=dict)
    _forgotten: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By job, the counts of the clients that are forgotten."""
    _gathers: list[Gather] = field(default_factory=list)

    @property
    def any_attached(self) -> bool:
        """Whether an actor of a client has not ended."""
        return bool(self._attached)

    def attach(self, message: AttachClient) -> None:
        """Attach a client, with a channel in place of a former one."""
        client = self._clients.setdefault(message.client_id, Client(message.client_id))
        client.is_counted = message.is_counted
        attachment = self._attached.get(message.client_id)
        if attachment is None:
            self._start(client, message)
        elif attachment.closing:
            attachment.next = message
        else:
            attachment.attach(message)

    def detach(self, message: DetachClient) -> None:
        """Release the client's channel."""
        attachment = self._attached.get(message.client_id)
        if attachment is None:
            log.info("client %s is not attached", message.client_id)
            reply(message.reply_to, ClientDetached(client_id=message.client_id))
            return
        attachment.next = None
        attachment.detached.append(message.reply_to)
        attachment.close()

    def follow(self) -> None:
        """Have all clients read from the children that are there."""
        for attachment in self._attached.values():
            attachment.ref.tell(self.children.run)

    def close_all(self) -> None:
        """End every client's actor."""
        for attachment in self._attached.values():
            attachment.next = None
            attachment.close()

    def answer_all(self) -> None:
        """Answer who waits for the clients: the supervisor ends, and hears of none."""
        for gather in list(self._gathers):
            gather.answered(Missing.TIMED_OUT)
        for attachment in self._attached.values():
            for mailbox in attachment.detached:
                reply(mailbox, ClientDetached(client_id=attachment.client.client_id))

    # Asking all of them

    def ask_all(self, gather: Gather) -> Steps[bool]:
        """Ask all clients, and all that come; whether all have answered or are gone."""
        self._gathers.append(gather)
        for attachment in self._attached.values():
            if not attachment.closing:
                gather.ask(attachment)
        answer = (yield gather) if gather.waits_for else None
        self._gathers.remove(gather)
        return answer is not Missing.TIMED_OUT

    def flush(self, counts: ProgressCounts, timeout: float) -> Steps[None]:
        """Have all clients given what is left of what was counted."""
        make = partial(FlushReports, counts=counts, timeout=timeout)
        flush = Gather(self.me, make, timeout=timeout + MARGIN)
        if not (yield from self.ask_all(flush)):
            missing = sorted(client.client_id for client in flush.waits_for if client is not None)
            log.error("clients have not answered: %s", ", ".join(missing))

    def take_counts(self, job: int) -> Counter[str]:
        """Reports ``forwarded`` and ``failed`` of ``job``, which is over, by all who are counted.

        Those of clients that are forgotten are told once.
        """
        known = (client.counts(job) for client in self._clients.values())
        counts = sum(known, self._forgotten[job])
        self._forgotten.clear()
        return counts

    # What the actors tell

    def _told(self, attachment: Attachment, event: ClientEvent) -> None:
        match event:
            case ChannelLost():
                if event.channel is attachment.message.channel:
                    attachment.is_lost = True
                    lost = sum(other.is_lost for other in self._attached.values())
                    if event.reports_wait or lost > LOST_LIMIT:
                        attachment.close()
            case ChannelClosed():
                attachment.client.status = event.status
                attachment.client.waiting = event.waiting
            case ChildDown():
                self._down(attachment, event)
            case _:
                assert_never(event)

    def _down(self, attachment: Attachment, down: ChildDown) -> None:
        client, message = attachment.client, attachment.message
        del self._attached[client.client_id]
        crashed = down.reason is not None and not attachment.closing
        if crashed:
            log.error("%s failed: %s", down.child, down.reason)
        is_over = self.loop.is_closed()
        goes_on = crashed and not is_over and client.restarts.allows_another()
        successor = attachment.next
        if goes_on:
            # It goes on from its position, and not from where it was to begin.
            successor = message if client.status is None else replace(message, after=None)
        elif crashed:
            reason = LOOP_CLOSED if is_over else f"its actor fails again and again: {down.reason}"
            log.error("client %s is gone: %s", client.client_id, reason)
            reply(self.owner, ClientGone(client_id=client.client_id, reason=reason))
        for mailbox in attachment.detached:
            reply(mailbox, ClientDetached(client_id=client.client_id))
        if successor is None:
            self._remember(client)
            for gather in self._gathers:
                gather.go_on_without(client)
        else:
            self._start(client, successor)
        if goes_on:
            reason = f"{down.child} failed: {down.reason}"
            reply(self.owner, ReportingDegraded(reason=reason))

    # One client

    def _start(self, client: Client, message: AttachClient) -> None:
        """Start an actor for the client, which goes on after its position if it has one."""
        former, client.waiting = client.status, 0
        after = message.after if former is None else former.position
        self._attached[client.client_id] = attachment = Attachment(client, message)
        attachment.told = Adapter(self.me, partial(Answered, partial(self._told, attachment)))
        attachment.ref = client_channel.spawn(
            client_id=client.client_id,
            after=after,
            loop=self.loop,
            parent=attachment.told,
            owner=self.owner,
            settings=self.settings,
            former=former,
            run=self.children.run,
        )
        if after is None:
            # Asked here and not by the client's actor: it must be the job of this moment.
            first = ReadProgress(after=None, limit=1, reply_to=attachment.ref)
            self.children.listener.tell(first)
        attachment.attach(message)
        for gather in self._gathers:
            gather.ask(attachment)

    def _remember(self, client: Client) -> None:
        """It is gone: keep its position, and forget who has been gone for longest."""
        self._clients[client.client_id] = self._clients.pop(client.client_id)
        gone = [it for it in self._clients.values() if it.client_id not in self._attached]
        for forgotten in gone[:-GONE_LIMIT]:
            del self._clients[forgotten.client_id]
            if forgotten.status is not None:
                job = forgotten.status.job
                self._forgotten[job] += forgotten.counts(job)
