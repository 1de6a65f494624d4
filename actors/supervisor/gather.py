"""Gather: the status of each of several clients, of which some may end meanwhile.

A plain object on the supervisor's thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors.runtime import Adapter
from actors.supervisor.inbox import Answered
from messages import ClientStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.supervisor.clients import Client
    from messages import ClientChannelMessage, Mailbox


class Gather:
    """Asks clients with the message that ``make`` builds around the ``reply_to`` it is given.

    ``done`` is called when all that were asked have answered or are gone.
    """

    def __init__(
        self,
        me: Mailbox[Answered],
        make: Callable[[Mailbox[ClientStatus]], ClientChannelMessage],
        done: Callable[[Gather], None],
    ) -> None:
        self._me = me
        self._make = make
        self._done = done
        self.answers: dict[Client, ClientStatus] = {}
        self.waits_for: set[Client] = set()

    def ask(self, client: Client) -> None:
        """Ask ``client``, or the successor of its actor."""
        if client.attachment is not None:
            self.waits_for.add(client)
            asked = _Asked(self, client)
            reply_to = Adapter[ClientStatus, Answered](
                self._me, lambda answer: Answered(asked, answer)
            )
            client.attachment.ref.tell(self._make(reply_to))

    def take(self, client: Client, answer: ClientStatus) -> None:
        """The answer of ``client``."""
        self.answers[client] = client.status = answer
        self.go_on_without(client)

    def go_on_without(self, client: Client) -> None:
        """Wait for ``client`` no longer."""
        if client in self.waits_for:
            self.waits_for.discard(client)
            self.end_if_complete()

    def end_if_complete(self) -> None:
        """Be done when nobody is waited for."""
        if not self.waits_for:
            self._done(self)


@dataclass(frozen=True, slots=True)
class _Asked:
    gather: Gather
    client: Client

    def answered(self, answer: ClientStatus, /) -> None:
        self.gather.take(self.client, answer)
