"""Newsroom: what of a run is news, and what is told with it."""

import json
from typing import Any

import pytest

from actors.worker.notices.news import SILENT_AFTER, News, Newsroom
from messages import (
    AttemptBegan,
    OutputWritten,
    RunState,
    StateChanged,
    TrainingReport,
    WorkerEvent,
    encode_event,
)

TRAINING = StateChanged(state=RunState.TRAINING, text="training", title="sleap-nn", epochs=3)


class Told:
    """A run, second by second."""

    def __init__(self) -> None:
        self.room = Newsroom()
        self.now = 0.0
        self.event(TRAINING)

    def take(self, message: str, after: float = 1.0) -> News | None:
        self.now += after
        return self.room.take(message, time=1e9 + self.now, now=self.now)

    def event(self, event: WorkerEvent) -> News | None:
        return self.take(encode_event(event))

    def report(self, event: str, after: float = 1.0, **fields: Any) -> News | None:
        return self.take(json.dumps({"what": "", "event": event, **fields}), after)

    def epoch(self, number: int, **logs: float) -> News | None:
        self.report("epoch_begin", epoch=number)
        return self.report("epoch_end", epoch=number, logs=logs)

    def silence(self, after: float) -> News | None:
        return self.room.silence(self.now + after)


@pytest.mark.parametrize(
    ("outcome", "event", "words"),
    [
        ("completed", "finished", "finished"),
        ("stopped", "stopped", "stopped early"),
        ("failed", "failed", "failed"),
        ("cancelled", "cancelled", "cancelled"),
    ],
)
def test_an_end_is_told_with_its_cause_and_the_best_loss(outcome, event, words):
    told = Told()
    told.epoch(0, **{"train/loss": 0.9, "val/loss": 0.8})
    told.epoch(1, **{"train/loss": 0.7, "val/loss": 0.5})
    report = TrainingReport(outcome=outcome, text="it is over", cause="memory", advice="less")
    news = told.event(report)
    assert news is not None
    assert news.event == event
    fields = told.room.fields(news)
    assert fields["outcome"] == words
    assert (fields["cause"], fields["advice"]) == ("memory", "less")
    assert (fields["best_loss"], fields["best_epoch"], fields["epochs"]) == (0.5, 2, 2)
    assert fields["title"] == "sleap-nn"
    assert fields["message"].splitlines() == [
        f"{event}: it is over",
        "less",
        "best validation loss 0.5 in epoch 2",
    ]
    json.dumps(fields)


def test_a_silence_is_told_once_and_after_so_many_times_the_usual():
    told = Told()
    told.report("epoch_begin", epoch=0)
    assert told.silence(SILENT_AFTER - 1) is None
    told.report("batch_end", after=100.0, epoch=0, batch=0, logs={"loss": 1.0})
    assert told.silence(299) is None
    news = told.silence(301)
    assert news is not None
    assert news.event == "silent"
    assert "no message for 301 s in epoch 1" in news.text
    assert told.silence(400) is None
    told.event(OutputWritten(lines=("alive",)))
    assert told.silence(1) is None
    assert told.silence(2000) is not None


def test_before_the_first_epoch_and_behind_the_last_there_is_no_silence():
    told = Told()
    told.report("train_begin")
    assert told.silence(1e6) is None
    told.epoch(0)
    told.report("train_end")
    assert told.silence(1e6) is None


def test_while_a_training_is_being_stopped_there_is_no_silence():
    told = Told()
    told.epoch(0)
    told.event(StateChanged(state=RunState.STOPPING, text="stopping"))
    assert told.silence(1e6) is None


def test_the_first_value_that_is_not_a_number_is_told_in_each_attempt():
    told = Told()
    told.report("epoch_begin", epoch=0)
    assert told.report("batch_end", epoch=0, batch=0, logs={"loss": 1.0, "x": "NaN"}) is None
    news = told.report("batch_end", epoch=0, batch=1, logs={"loss": float("nan")})
    assert news == News("nan", "the trainer reports nan as loss in epoch 1")
    assert told.epoch(1, **{"val/loss": float("inf")}) is None
    told.event(AttemptBegan(number=2, text="again"))
    news = told.epoch(0, **{"val/loss": float("inf")})
    assert news == News("nan", "the trainer reports inf as val/loss in epoch 1")
    assert told.room.fields(news)["best_loss"] is None
