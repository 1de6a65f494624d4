"""Readers: those who wait for a page of the log that is not there yet. A plain object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.runtime import reply
from messages import ProgressPage

if TYPE_CHECKING:
    from actors.progress_listener.log import ProgressLog
    from messages import Mailbox, ReadProgress


class Readers:
    """Each is told a page of ``log`` at once, or as soon as there is one."""

    def __init__(self, log: ProgressLog) -> None:
        self._log = log
        self._waiting: list[ReadProgress] = []

    def read(self, message: ReadProgress) -> None:
        """Answer with the page, or keep the reader until there is one."""
        if message.after is None:
            reply(message.reply_to, self._log.begin())
            return
        page = self._log.page(message.after, message.limit)
        if page is None:
            self._waiting.append(message)
        else:
            reply(message.reply_to, page)

    def serve(self) -> None:
        """There is more in the log."""
        waiting, self._waiting = self._waiting, []
        for reader in waiting:
            self.read(reader)

    def end_job(self) -> None:
        """Tell those who have all of the job that it is over."""
        page = self._log.end()
        waiting, self._waiting = self._waiting, [r for r in self._waiting if r.after != page.last]
        for reader in waiting:
            if reader.after == page.last:
                reply(reader.reply_to, page)

    def forget(self, reply_to: Mailbox[ProgressPage]) -> None:
        """Tell ``reply_to`` nothing more."""
        self._waiting = [reader for reader in self._waiting if reader.reply_to is not reply_to]
