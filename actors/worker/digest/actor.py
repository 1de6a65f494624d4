"""The digest's actor: a client of the run that can tell all of it at once.

It runs on a thread of its own: packing takes some ten milliseconds.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from actors.runtime import ThreadActor, reply, starter
from actors.worker.digest.digest import Digest, packed_json
from actors.worker.reading import PageReader
from messages import (
    BatchesTaken,
    DigestMessage,
    DigestTaken,
    EntriesRead,
    GetBatches,
    GetDigest,
    RunRead,
    TextsForwarded,
    TextsTaken,
)

if TYPE_CHECKING:
    from messages import ChildDown, Mailbox

MAX_WAITING: Final = 100
"""Who asks for an earlier run while it is read; the oldest of more have given up."""

KEPT_FOR: Final = 1.0
"""Seconds that a packed digest is handed out again: many who come at once cost what one costs."""

_Inbox: TypeAlias = DigestMessage


class DigestActor(ThreadActor[DigestMessage]):
    """Takes ``DigestMessage``.

    It is told the run by its log. With ``earlier`` the run is one that is over and is told by
    ``EntriesRead``: nobody else is told of it before ``RunRead`` has come.
    """

    name = "digest"

    def __init__(self, *, parent: Mailbox[ChildDown], earlier: bool = False) -> None:
        super().__init__()
        self.parent = parent
        self._digest = Digest()
        self._pages = PageReader()
        self._taken: DigestTaken | None = None
        self._taken_at = 0.0
        self._is_told = not earlier
        self._waiting: deque[GetDigest] = deque(maxlen=MAX_WAITING)

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case TextsForwarded():
                for text in message.texts:
                    for position, when, entry in self._pages.entries(text):
                        self._digest.add(position, when, entry)
                reply(message.reply_to, TextsTaken())
            case GetDigest():
                self._waiting.append(message)
            case GetBatches():
                json = self._digest.batches(message.position, message.first, message.last)
                packed = None if json is None else packed_json(json)
                reply(message.reply_to, BatchesTaken(packed=packed))
            case EntriesRead():
                for when, entry in message.entries:
                    self._digest.add(self._digest.position + 1, when, entry)
                reply(message.reply_to, TextsTaken())
            case RunRead():
                self._is_told = True
            case _:
                assert_never(message)
        if self._is_told:
            while self._waiting:
                reply(self._waiting.popleft().reply_to, self._packed())

    def _packed(self) -> DigestTaken:
        taken, now = self._taken, time.monotonic()
        is_old = taken is None or taken.position < self._digest.position
        if taken is None or (is_old and now - self._taken_at > KEPT_FOR):
            json = self._digest.json()
            taken = DigestTaken(
                packed=packed_json(json),
                size=len(json),
                position=self._digest.position,
            )
            self._taken, self._taken_at = taken, now
        return taken


spawn = starter(DigestActor)
