"""News: what of a run is worth a message to somebody who does not look. A plain object."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from actors.worker.outputs import OUTCOMES, Follower, loss_words
from actors.worker.reading import read_object
from messages import STOPPED, AttemptBegan, OutputWritten, RunState, TrainingReport

SILENT_AFTER: Final = 40.0
SILENT_FACTOR: Final = 3.0
LONGEST_USUAL: Final = 600.0
"""A trainer is silent after so many times its longest recent silence, that of ``LONGEST_USUAL``
seconds at most, and not before ``SILENT_AFTER`` seconds. The page has the same."""

FORGETTING: Final = 0.995
"""What is left of the longest silence with each message after it."""

_EVENTS: Final = {"completed": "finished", STOPPED: "stopped"}


@dataclass(frozen=True, slots=True)
class News:
    """One of them: ``event`` is its kind, ``text`` a sentence."""

    event: str
    text: str


class Newsroom:
    """Follows a run and says what is new; ``now`` is seconds of a clock that nobody sets."""

    def __init__(self) -> None:
        self.follower = Follower()
        self._heard_at: float | None = None
        self._heard = 0.0  # by the log's clock
        self._usual = 0.0
        self._is_silent = self._has_bad_value = False

    def take(self, message: str, *, time: float, now: float) -> News | None:
        """Take the entry ``message`` of ``time`` (seconds since the epoch); the news in it."""
        event = self.follower.take(message, time=time)
        match event:
            case str():
                self._hear(time, now)
                return self._bad_value(event, message)
            case OutputWritten():
                self._hear(time, now)
            case AttemptBegan():
                self._has_bad_value = False
                self._heard_at = None
            case TrainingReport():
                return News(_EVENTS.get(event.outcome, event.outcome), event.text)
            case _:
                pass
        return None

    def silence(self, now: float) -> News | None:
        """The news that nothing has come for long, once."""
        follower = self.follower
        heard, epoch = self._heard_at, follower.record.epoch
        if heard is None or epoch is None or self._is_silent:
            return None
        if follower.record.ended or follower.state is not RunState.TRAINING:
            return None
        silent = now - heard
        if silent < max(SILENT_AFTER, SILENT_FACTOR * self._usual):
            return None
        self._is_silent = True
        text = f"no message for {silent:.0f} s in epoch {epoch.number + 1}"
        return News("silent", f"{text}: a long epoch, or a trainer that hangs")

    def fields(self, news: News) -> dict[str, Any]:
        """What is told: the news, and the run in short."""
        summary, report = self.follower.summary(), self.follower.report
        outcome = OUTCOMES.get(summary.outcome, summary.outcome)
        best = ""
        if summary.best_loss is not None:
            best = f"best {summary.best_kind} loss {loss_words(summary.best_loss)}"
            best += f" in epoch {summary.best_epoch}"
        lines = [f"{news.event}: {news.text}", report.advice if report else None, best]
        return {
            "event": news.event,
            "title": self.follower.title,
            **summary.fields(),
            "outcome": outcome,
            "text": news.text,
            "advice": (report.advice or "") if report else "",
            "message": "\n".join(line for line in lines if line),
        }

    def _hear(self, time: float, now: float) -> None:
        silence = time - self._heard if self._heard_at is not None else 0.0
        self._usual = max(min(silence, LONGEST_USUAL), FORGETTING * self._usual)
        self._heard, self._heard_at = time, now
        self._is_silent = False

    def _bad_value(self, event: str, message: str) -> News | None:
        """The first value of the attempt that is not a number."""
        if self._has_bad_value or not ("NaN" in message or "Infinity" in message):
            return None
        logs, epoch = read_object(message).get("logs"), self.follower.record.epoch
        if event not in ("batch_end", "epoch_end") or not isinstance(logs, dict):
            return None
        names = ["loss"] if event == "batch_end" else list(logs)
        for name in names:
            value = logs.get(name)
            if isinstance(value, float) and not math.isfinite(value):
                self._has_bad_value = True
                where = f" in epoch {epoch.number + 1}" if epoch else ""
                return News("nan", f"the trainer reports {value} as {name}{where}")
        return None
