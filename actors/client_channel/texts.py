"""PageTexts: what a client is sent for a page of the run's log. A plain object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from messages import ClockTold
from messages.event_codec import encode_event
from messages.wire import encode_report, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from messages import ProgressPage

CLOCK_INTERVAL: Final = 0.2
"""Seconds of the run between two times that a client is told."""


@dataclass(frozen=True, slots=True)
class PageText:
    """A text to be sent, empty if none is; with it the client comes ``entries`` further."""

    text: str
    entries: int
    is_report: bool


class PageTexts:
    """For a client that wants ``events``, or the reports and log lines alone."""

    def __init__(self, *, events: bool) -> None:
        self._events = events
        self._time = float("-inf")
        self._next = 0

    def of(self, page: ProgressPage) -> Iterator[PageText]:
        """The texts of ``page``, which comes after the one before."""
        first = page.last - len(page.messages) + 1
        for index, message in enumerate(page.messages):
            is_report = index not in page.notes
            if self._events:
                yield from self._clock(first + index, page.times[index] if page.times else 0.0)
                yield PageText(encode_report(message), 1, is_report)
            else:
                text = encode_report(message) if is_report else plain_text(message)
                yield PageText(text, 1, is_report)

    def _clock(self, position: int, time: float) -> Iterator[PageText]:
        """Tell the client when and where it is, if it cannot know."""
        if abs(time - self._time) >= CLOCK_INTERVAL or position != self._next:
            self._time = time
            clock = ClockTold(time=round(time, 3), position=position)
            yield PageText(encode_report(encode_event(clock)), 0, is_report=False)
        self._next = position + 1
