"""Cursor: a client's position in the run's log, and what it is to be sent next. A plain object.

It asks for a page when it has none, hands out the page's texts one by one, and counts what became
of them.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from actors.client_channel.channels import NotSentError, check_sent
from actors.client_channel.texts import PageText, PageTexts, without_values
from actors.runtime import FewLines
from messages import ClientStatus, ProgressPage
from messages.wire import PROGRESS_REPORT

if TYPE_CHECKING:
    from messages import DataChannel, ProgressCounts

log = logging.getLogger(__name__)

SMALL_CHANNEL: Final = 1000
"""Characters: what is refused and is shorter is not refused for its size."""

PAGED: Final = 16
"""Times as many entries are in a page for a client that takes them together."""

PAUSE: Final = 0.05
"""Seconds until the next page of entries for a client that takes them together and has had all:
it is a browser, which draws four times a second, and entries that come together cost a tenth."""


@dataclass(slots=True)
class JobCounts:
    """What became of the first ``counted`` reports of a job.

    Each is in one of the counts, but for those that a client has passed over.
    """

    counted: int = 0
    forwarded: int = 0
    failed: int = 0
    missed: int = 0

    def count(self, reports: int) -> int:
        """Count the reports up to ``reports``; how many of them are new."""
        uncounted = max(0, reports - self.counted)
        self.counted += uncounted
        return uncounted


class Cursor:
    """Begins after the position ``after``; None is the beginning of the job, asked for already.

    ``former`` are the counts of a client that comes back.
    """

    def __init__(self, client_id: str, after: int | None, former: ClientStatus | None) -> None:
        self._client_id = client_id
        self.after = after
        """What the next page is to come after; None until the beginning of the job is known."""
        self._jobs = defaultdict[int, JobCounts](JobCounts)
        """By where the job begins: the newest one that was given up, and all later ones."""
        if former is not None:
            counts = (former.counted, former.forwarded, former.failed, former.missed)
            self._jobs[former.job] = JobCounts(*counts)
        self._counts = JobCounts()
        """Those of the page's job."""
        self._jumped = former is None
        """Whether the entries before the next page are skipped on purpose, and so not missed."""
        self._texts = PageTexts("")
        self._page: deque[PageText] = deque()
        self.expects_page = after is None
        """Whether a page has been asked for, so that there is nothing to send until it comes."""
        self._missed_streak = 0
        self.failures = FewLines(
            lambda count: log.error("%d more texts not forwarded to client %s", count, client_id)
        )
        self.turns_to_yield = 0
        """Turns of the event loop to leave to others before the next page is asked for."""
        self.due = 0.0
        """When the next page may be asked for, on the clock of ``take``."""

    @property
    def position(self) -> int:
        """That of the last report which was sent or has failed."""
        return self.after or 0

    # Reading

    def begin(self, protocol: str, after: int | None) -> None:
        """Go on for a channel of the sub-protocol ``protocol``, after ``after`` if it is given."""
        self._texts = PageTexts(protocol)
        if after is not None:
            self.after, self._jumped = after, True
        if self.after is not None:
            self._page.clear()  # it was meant for the former channel: it is read again
            self.expects_page = False

    def ask(self) -> bool:
        """Whether a page is to be asked for; from then on it is expected."""
        if self.expects_page or self._page:
            return False
        self.expects_page = True
        return True

    @property
    def page_factor(self) -> int:
        """How many entries the next page is to have, for each message of the settings' page."""
        return PAGED if self._texts.is_paged else 1

    def take(self, page: ProgressPage, *, now: float) -> bool:
        """Take a page that comes at ``now``; False when it is not the one that was asked for."""
        asked_after = page.last - len(page.messages) - page.missed
        if not self.expects_page or self.after not in (None, asked_after):
            return False
        self.expects_page = False
        self._page.extend(self._texts.of(page))
        self.after = page.last - len(page.messages)
        self._counts = counts = self._jobs[page.job]
        before = page.reports_before(0)
        if self._jumped:
            self._jumped = False
            counts.count(before - page.missed)  # it passes over them
        missed = counts.count(before)
        counts.missed += missed
        self._note_missed(missed, behind=page.behind)
        self.turns_to_yield = len(self._page) if page.behind else 0
        self.due = now + PAUSE if self._texts.is_paged and not page.behind else now
        return True

    def _note_missed(self, missed: int, *, behind: int) -> None:
        """One warning when it begins to miss reports, and one line when it has caught up."""
        if missed and not self._missed_streak:
            log.warning(
                "client %s misses %d reports, which left the log before it took them",
                self._client_id,
                missed,
            )
        self._missed_streak += missed
        if self._missed_streak and not missed and not behind:
            log.info("client %s has caught up; it missed %d", self._client_id, self._missed_streak)
            self._missed_streak = 0

    # Sending

    @property
    def next(self) -> PageText | None:
        """What is to be sent next."""
        return self._page[0] if self._page else None

    def send_next(self, channel: DataChannel) -> bool:
        """Send it; False, and it has failed, when the channel does not take it.

        Raises NotSentError when it will never take any.
        """
        item = self._page.popleft()
        self.after = position = self.position + item.entries
        count = self._counts.count(item.reports)
        if not item.text:
            return True
        try:
            self._send(channel, item.text)
        except BaseException as error:
            self._counts.failed += count
            if self.failures.takes(now=time.monotonic()):
                # The type too: the text of aiortc's InvalidStateError is empty.
                log.error(
                    "progress report %d (%d characters) not forwarded to client %s: %s: %s",
                    position,
                    len(item.text) - len(PROGRESS_REPORT),
                    self._client_id,
                    type(error).__name__,
                    error,
                )
            if isinstance(error, SystemExit | KeyboardInterrupt | NotSentError):
                raise
            return False
        self._counts.forwarded += count
        log.debug("progress report %d forwarded to client %s", position, self._client_id)
        return True

    def _send(self, channel: DataChannel, text: str) -> None:
        try:
            check_sent(channel.send(text))
        except ValueError as error:  # aiortc's, of a text that is larger than the peer takes
            small = without_values(text) if len(text) > SMALL_CHANNEL else None
            if small is None:
                raise
            check_sent(channel.send(small))
            log.warning(
                "client %s is sent report %d without its values: %s",
                self._client_id,
                self.position,
                error,
            )

    # What could not be sent

    def give_up(self, job: ProgressCounts) -> int:
        """Count what was not sent of ``job``, which is over, as failed; how many they are."""
        for former in [begin for begin in self._jobs if begin < job.job]:
            del self._jobs[former]
        if self.after is None or self.after >= job.last:
            return 0
        counts = self._jobs[job.job]
        left = counts.count(job.reports)
        counts.failed += left
        return left

    @property
    def waiting(self) -> int:
        """How many reports of the page are in no count yet."""
        return max(0, self._page[-1].reports - self._counts.counted) if self._page else 0

    def status(self, channel_state: str, job: int | None = None) -> ClientStatus:
        """How far the client came, and how it fared in ``job``, or else in the newest."""
        job = max(self._jobs, default=0) if job is None else job
        counts = self._jobs.get(job, JobCounts())
        return ClientStatus(
            client_id=self._client_id,
            channel_state=channel_state,
            position=self.position,
            job=job,
            **asdict(counts),
        )
