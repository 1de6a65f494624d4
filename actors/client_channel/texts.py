"""PageTexts: what a client is sent for a page of the run's log. A plain object."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Final, NamedTuple

from messages import ClockTold, wire
from messages.event_codec import encode_event
from messages.wire import (
    decode_report,
    encode_page,
    encode_report,
    pieces_of,
    plain_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from messages import ProgressPage

CLOCK_INTERVAL: Final = 0.2
"""Seconds of the run between two times that a client is told."""

SMALL: Final = 200
SMALL_VALUES: Final = 100
"""Characters of a value with its name, and how many stay of a report that its channel refuses."""


class PageText(NamedTuple):
    """A text to be sent, empty if none is; with it the client comes ``entries`` further.

    It then has the first ``reports`` of the job; 0 if it comes no further.
    """

    text: str
    entries: int
    reports: int


class PageTexts:
    """For a client of the sub-protocol ``protocol``: it names how entries are carried."""

    def __init__(self, protocol: str) -> None:
        self.is_paged = protocol == wire.PAGES_PROTOCOL
        self.is_plain = protocol not in (wire.EVENTS_PROTOCOL, wire.PAGES_PROTOCOL)
        self._time = float("-inf")
        self._next = 0

    def of(self, page: ProgressPage) -> Iterator[PageText]:
        """The texts of ``page``, which comes after the one before."""
        return self._together(page) if self.is_paged else self._singly(page)

    def _singly(self, page: ProgressPage) -> Iterator[PageText]:
        """Each entry in a text; of events a plain client gets the trainer's log lines alone."""
        first = page.last - len(page.messages) + 1
        reports, others = page.reports_before(0), {*page.notes, *page.added}
        for index, message in enumerate(page.messages):
            reports += index not in others
            if not self.is_plain:
                yield from self._clock(first + index, page.times[index] if page.times else 0.0)
                text = encode_report(message)
            else:
                text = plain_text(message) if index in page.notes else encode_report(message)
            yield PageText(text, 1, reports)

    def _clock(self, position: int, time: float) -> Iterator[PageText]:
        """Tell the client when and where it is, if it cannot know."""
        if abs(time - self._time) >= CLOCK_INTERVAL or position != self._next:
            self._time = time
            clock = ClockTold(time=round(time, 3), position=position)
            yield PageText(encode_report(encode_event(clock)), 0, 0)
        self._next = position + 1

    @staticmethod
    def _together(page: ProgressPage) -> Iterator[PageText]:
        """All entries in a text, or in the pieces of one that is too large."""
        first = page.last - len(page.messages) + 1
        times = page.times or (0.0,) * len(page.messages)
        *pieces, last = pieces_of(encode_page(first, times, page.messages))
        yield from (PageText(piece, 0, 0) for piece in pieces)
        yield PageText(last, len(page.messages), page.reports)


def without_values(text: str) -> str | None:
    """A small report of the same event, ``"truncated": true``, for a channel that takes no more.

    None when ``text`` carries no JSON object of an event.
    """
    try:
        report = json.loads(decode_report(text) or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(report, dict) or not isinstance(report.get("event"), str):
        return None
    small: dict[str, object] = _small_values(report)
    if isinstance(report.get("logs"), dict):
        small["logs"] = _small_values(report["logs"])
    return encode_report(json.dumps({**small, "truncated": True}))


def _small_values(values: dict[str, object]) -> dict[str, object]:
    found = (
        (name, value)
        for name, value in values.items()
        if not isinstance(value, dict | list) and len(name) + len(str(value)) <= SMALL
    )
    return dict(itertools.islice(found, SMALL_VALUES))
