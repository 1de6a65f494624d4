"""ClientRoster: the supervisor's book of its clients. A plain object on the supervisor's thread."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import pykka

from actors import client_channel
from actors.runtime import Adapter, TypedRef, deliver
from actors.supervisor.restarts import CrashBudget
from messages import (
    AttachChannel,
    AttachClient,
    ChannelClosed,
    ChannelLost,
    ChildDown,
    ClientChannelMessage,
    ClientGone,
    ClientStatus,
    CloseChannel,
    CountReports,
    FlushReports,
    FollowRun,
    Mailbox,
    OwnerEvent,
    ReportsFlushed,
)

if TYPE_CHECKING:
    import asyncio

    from actors.settings import ReporterSettings

log = logging.getLogger(__name__)

PLACES_LIMIT: Final = 1000
"""Clients that are gone whose places are remembered; beyond, the longest gone is forgotten."""

LOST_LIMIT: Final = 50
"""Clients with a closed channel that are kept until a report comes that they cannot be given."""

_ClientEvent: TypeAlias = ChildDown | ChannelClosed | ChannelLost


@dataclass(frozen=True, slots=True)
class FromClient:
    """What the client's actor number ``serial`` has told its parent."""

    serial: int
    event: _ClientEvent


@dataclass(slots=True)
class _Client:
    serial: int
    ref: TypedRef[ClientChannelMessage]
    attached: AttachClient
    budget: CrashBudget
    channels: int = 0
    lost: bool = False
    closing: bool = False
    next: AttachClient | None = None


class ClientRoster:
    """Starts and ends the clients' actors, and remembers how far each client came.

    ``me`` gets what the actors tell; hand it to ``handle``.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        me: Mailbox[FromClient],
        owner: Mailbox[OwnerEvent],
        settings: ReporterSettings,
    ) -> None:
        self._loop = loop
        self._me = me
        self._owner = owner
        self._settings = settings
        self._run: FollowRun | None = None
        self._flush: FlushReports | None = None
        self._clients: dict[str, _Client] = {}
        self._serial = 0
        self._places: dict[str, ClientStatus] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._before: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def client_ids(self) -> set[str]:
        """The ids of the clients that are attached."""
        return set(self._clients)

    def attach(self, message: AttachClient, *, after: int) -> None:
        """Attach a client, which begins after the position ``after`` unless it has a place."""
        client = self._clients.get(message.client_id)
        if client is not None and client.closing:
            client.next = message
            return
        if client is None:
            client = self._spawn(message, after)
        if client is not None:
            self._attach(client, message)

    def detach(self, client_id: str) -> None:
        """Let go of the client's channel."""
        client = self._clients.get(client_id)
        if client is None:
            log.info("client %s is not attached", client_id)
        else:
            client.next = None
            self._close(client)

    def follow(self, run: FollowRun) -> None:
        """Have all clients read from these actors, and every one that comes."""
        self._run = run
        for client in self._clients.values():
            client.ref.tell(run)

    def flush(self, last: int, within: float, reply_to: Mailbox[ReportsFlushed]) -> set[str]:
        """Have all clients given what is left; the ids of those that will answer."""
        self._flush = FlushReports(last=last, within=within, reply_to=reply_to)
        clients = [client for client in self._clients.values() if not client.closing]
        for client in clients:
            client.ref.tell(self._flush)
        return {client.attached.client_id for client in clients}

    def end_flush(self) -> None:
        """From here on, clients that come are not to be flushed."""
        self._flush = None

    def survey(self, reply_to: Mailbox[ClientStatus]) -> set[str]:
        """Ask all clients for their rows; the ids of those that will answer."""
        clients = [client for client in self._clients.values() if not client.closing]
        for client in clients:
            client.ref.tell(CountReports(reply_to=reply_to))
        return {client.attached.client_id for client in clients}

    def close_all(self) -> None:
        """End every client's actor."""
        for client in self._clients.values():
            client.next = None
            self._close(client)

    def handle(self, message: FromClient) -> ChildDown | None:
        """Take what a client's actor has told; its ``ChildDown`` when it crashed."""
        client = next((c for c in self._clients.values() if c.serial == message.serial), None)
        if client is None:
            return None
        event = message.event
        match event:
            case ChannelLost():
                if event.channel == client.channels:
                    client.lost = True
                    if event.reports_wait or self._lost() > LOST_LIMIT:
                        self._close(client)
            case ChannelClosed():
                self.count(event.status)
                self._remember(event)
            case ChildDown():
                return self._down(client, event)
            case _:
                assert_never(event)
        return None

    # The job's counts

    def begin_job(self) -> None:
        """Count from here on."""
        known = {*self._clients, *self._places}
        self._counts = {c: counts for c, counts in self._counts.items() if c in known}
        self._before = dict(self._counts)

    def count(self, status: ClientStatus) -> None:
        """Note a client's counts."""
        self._counts[status.client_id] = status.forwarded, status.failed + status.missed

    def job_counts(self) -> tuple[int, int]:
        """Reports forwarded and failed since ``begin_job``, over all clients."""
        forwarded = failed = 0
        for client_id, counts in self._counts.items():
            before = self._before.get(client_id, (0, 0))
            forwarded += counts[0] - before[0]
            failed += counts[1] - before[1]
        return forwarded, failed

    # One client

    def _spawn(self, message: AttachClient, after: int) -> _Client | None:
        """A new actor for the client, with its place if it has one.

        None when the event loop is closed.
        """
        self._serial = serial = self._serial + 1
        former = self._places.pop(message.client_id, None)
        if former is not None:
            after = former.position
            self.count(former)
        else:
            for counts in (self._counts, self._before):
                counts.pop(message.client_id, None)
        try:
            ref = client_channel.spawn(
                client_id=message.client_id,
                after=after,
                loop=self._loop,
                parent=Adapter(self._me, lambda event: FromClient(serial, event)),
                owner=self._owner,
                settings=self._settings,
                former=former,
            )
        except pykka.ActorDeadError:
            self._tell_gone(message.client_id, "the event loop is closed")
            return None
        if self._run is not None:
            ref.tell(self._run)
        client = _Client(serial=serial, ref=ref, attached=message, budget=CrashBudget())
        self._clients[message.client_id] = client
        return client

    def _attach(self, client: _Client, message: AttachClient) -> None:
        client.attached = message
        client.channels += 1
        client.lost = False
        client.ref.tell(
            AttachChannel(
                channel=message.channel,
                accept_control=message.accept_control,
                after=message.after,
            )
        )
        if self._flush is not None:
            client.ref.tell(self._flush)

    def _lost(self) -> int:
        return sum(client.lost and not client.closing for client in self._clients.values())

    def _tell_gone(self, client_id: str, reason: str) -> None:
        log.error("client %s is gone: %s", client_id, reason)
        deliver(self._owner, ClientGone(client_id=client_id, reason=reason))

    def _close(self, client: _Client) -> None:
        if not client.closing:
            client.closing = True
            serial = client.serial
            client.ref.tell(
                CloseChannel(reply_to=Adapter(self._me, lambda event: FromClient(serial, event)))
            )

    def _remember(self, closed: ChannelClosed) -> None:
        """Keep its place: what waited for it has not failed if it comes back."""
        status = closed.status
        self._places[status.client_id] = replace(status, failed=status.failed - closed.waiting)
        while len(self._places) > PLACES_LIMIT:
            del self._places[next(iter(self._places))]

    def _down(self, client: _Client, down: ChildDown) -> ChildDown | None:
        del self._clients[client.attached.client_id]
        crashed = down.reason is not None and not client.closing
        again = replace(client.attached, after=None) if crashed else client.next
        if crashed and not client.budget.spend():
            self._tell_gone(
                client.attached.client_id, f"its actor fails again and again: {down.reason}"
            )
        elif again is not None:
            successor = self._spawn(again, 0)
            if successor is not None:
                successor.budget = client.budget
                self._attach(successor, again)
        return down if crashed else None
