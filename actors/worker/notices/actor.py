"""The notices' actor: a client of the run that keeps it in short, and tells of its events.

It runs on a thread of its own, and waits for no file.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from actors.runtime import ThreadActor, TypedRef, reply, starter
from actors.worker.notices.news import Newsroom
from actors.worker.reading import PageReader
from messages import ChildDown, Mailbox, TextsForwarded, TextsTaken

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime import Cancellable, Scheduler
    from actors.worker.notices.news import News
    from actors.worker.notices.notifier import Notifier
    from actors.worker.outputs import RunSummary

CHECK: Final = 10.0
"""Seconds between two looks for a silence."""

KEPT_EVERY: Final = 30.0
"""Seconds between two writings of a run in short while it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _LookForSilence:
    """It is time to."""


_Inbox: TypeAlias = TextsForwarded | _LookForSilence


class NoticesActor(ThreadActor[TextsForwarded]):
    """Takes ``TextsForwarded``, in pages.

    What stands in the log up to the position ``after`` is of an earlier worker, and no news.
    ``keep`` is called with the run in short, now and then and at its end.
    """

    name = "notices"

    def __init__(
        self,
        *,
        parent: Mailbox[ChildDown],
        keep: Callable[[RunSummary], None] | None,
        notifier: Notifier | None,
        after: int = 0,
        scheduler: Scheduler | None = None,
    ) -> None:
        super().__init__()
        self.parent = parent
        self._keep_summary, self._notifier, self._after = keep, notifier, after
        self._scheduler = scheduler or self.actor_inbox
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._pages = PageReader()
        self._news = Newsroom()
        self._kept: RunSummary | None = None
        self._kept_at = float("-inf")
        self._timer: Cancellable | None = None

    def set_up(self) -> None:
        """Look for silences from now on."""
        if self._notifier is not None:
            self._wait()

    def release(self) -> None:
        """Keep what there is."""
        if self._timer is not None:
            self._timer.cancel()
        self._keep(at_once=True)

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case TextsForwarded():
                for text in message.texts:
                    self._take(text)
                self._keep()
                reply(message.reply_to, TextsTaken())
            case _LookForSilence():
                self._tell(self._news.silence(time.monotonic()))
                self._wait()
            case _:
                assert_never(message)

    def _wait(self) -> None:
        self._timer = self._scheduler.after(CHECK, lambda: self._me.tell(_LookForSilence()))

    def _take(self, text: str) -> None:
        for position, when, entry in self._pages.entries(text):
            news = self._news.take(entry, time=when, now=time.monotonic())
            if position > self._after:
                self._tell(news)

    def _tell(self, news: News | None) -> None:
        if news is not None and self._notifier is not None:
            self._notifier.tell(self._news.fields(news))

    def _keep(self, *, at_once: bool = False) -> None:
        """Have the run kept in short: at once where its outcome is another one."""
        if self._keep_summary is None:
            return
        outcome = self._news.follower.report
        kept = self._kept.outcome if self._kept else ""
        is_other = self._kept is None or kept != (outcome.outcome if outcome else "")
        if not (at_once or is_other or time.monotonic() - self._kept_at >= KEPT_EVERY):
            return
        self._kept_at = time.monotonic()
        summary = self._news.follower.summary()
        if summary != self._kept:
            self._kept = summary
            self._keep_summary(summary)


spawn = starter(NoticesActor)
