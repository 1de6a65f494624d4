"""A run, as its messages tell it."""

import json
import math
import statistics

import pytest

from actors.worker.outputs.run_record import RunRecord
from messages import EpochRead, RunState, StateChanged
from tests.support.recorded_runs import RECORDINGS, recorded_run


def record_of(*messages: object) -> RunRecord:
    """The record of these messages, which came one second apart."""
    record = RunRecord()
    for second, message in enumerate(messages):
        text = message if isinstance(message, str) else json.dumps(message)
        record.add(text, now=float(second))
    return record


def events_of(name: str) -> list[dict[str, object]]:
    return [json.loads(message) for message in recorded_run(name)]


@pytest.mark.parametrize(
    ("name", "batches"), [("sleap_nn_full_run", [40] * 10), ("sleap_nn_stopped_run", [40, 21])]
)
def test_a_recorded_run_has_its_epochs_and_batches(name, batches):
    record = record_of(*recorded_run(name))
    assert [epoch.number for epoch in record.epochs] == list(range(len(batches)))
    assert [epoch.batches for epoch in record.epochs] == batches
    assert record.batches_per_epoch == 40
    assert record.ended


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_message_of_a_recorded_run_is_counted_by_its_event(name):
    record = record_of(*recorded_run(name))
    names = [event["event"] for event in events_of(name)]
    assert record.received == len(names)
    assert record.events == {event: names.count(event) for event in set(names)}


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_losses_of_a_recorded_run_are_those_of_its_epochs_ends(name):
    record = record_of(*recorded_run(name))
    ends = [event["logs"] for event in events_of(name) if event["event"] == "epoch_end"]
    # sleap-nn tells an epoch's training loss with the next epoch, and the last one's never.
    assert "train/loss" not in ends[0]
    assert [epoch.train_loss for epoch in record.epochs[:-1]] == [
        logs["train/loss"] for logs in ends[1:]
    ]
    batches = [e["logs"]["loss"] for e in events_of(name) if e["event"] == "batch_end"]
    mean = statistics.fmean(batches[-record.epochs[-1].batches :])
    assert record.epochs[-1].train_loss == pytest.approx(mean)
    assert [epoch.val_loss for epoch in record.epochs] == [logs["val/loss"] for logs in ends]


def test_an_epoch_takes_as_long_as_its_messages_took_to_come():
    begin = {"event": "epoch_begin", "epoch": 0}
    record = record_of({"event": "train_begin"}, begin, {}, {}, {"event": "epoch_end"})
    assert record.epochs[0].seconds == 3.0


def test_an_epoch_that_runs_has_its_last_batch_loss_and_no_others():
    batches = [{"event": "batch_end", "logs": {"loss": loss}} for loss in (0.5, 0.25)]
    record = record_of({"event": "epoch_begin", "epoch": 4}, *batches)
    epoch = record.epoch
    assert epoch is record.epochs[-1]
    assert (epoch.number, epoch.batches, epoch.batch_loss) == (4, 2, 0.25)
    assert (epoch.train_loss, epoch.val_loss, epoch.seconds) == (None, None, None)
    assert record.batches_per_epoch is None


def test_before_the_first_epoch_there_is_none():
    record = record_of({"event": "train_begin"}, {"event": "batch_end"}, {"event": "epoch_end"})
    assert record.epoch is None
    assert record.received == 3


def test_a_run_that_begins_again_has_not_ended():
    assert record_of({"event": "train_end"}).ended
    assert not record_of({"event": "train_end"}, {"event": "train_begin"}).ended


def test_an_epoch_without_a_number_is_counted():
    record = record_of({"event": "epoch_begin"}, {"event": "epoch_begin", "epoch": "two"})
    assert [epoch.number for epoch in record.epochs] == [0, 1]


def test_an_epoch_whose_number_is_none_is_counted_too_and_one_of_1e5_has_it():
    nines = 10**4299 - 1
    record = record_of(
        {"event": "epoch_begin", "epoch": nines},
        {"event": "epoch_end", "epoch": nines},
        {"event": "epoch_begin", "epoch": -5},
        {"event": "epoch_begin", "epoch": 1e5},
        {"event": "epoch_end", "epoch": 1e5},
    )
    assert [epoch.number for epoch in record.epochs] == [0, 1, 100_000]
    assert [epoch.has_ended for epoch in record.epochs] == [True, False, True]


def test_the_losses_may_be_no_numbers_that_json_has():
    begin = '{"event": "epoch_begin", "epoch": 0}'
    record = record_of(
        begin,
        '{"event": "batch_end", "logs": {"loss": Infinity}}',
        '{"event": "epoch_end", "logs": {"train/loss": NaN, "val/loss": -Infinity}}',
    )
    epoch = record.epochs[0]
    assert epoch.batch_loss == math.inf
    assert math.isnan(epoch.train_loss)
    assert epoch.val_loss == -math.inf


HUGE = "1" + "0" * 400
"""A whole number beyond what a float can hold."""

RUBBISH = [
    "",
    "no json",
    "[",
    "[" * 100_000,
    "null",
    "7",
    '"train_begin"',
    '["train_begin"]',
    "{}",
    '{"event": null}',
    '{"event": 7}',
    '{"event": ["train_end"]}',
]


@pytest.mark.parametrize("message", RUBBISH)
def test_a_message_without_an_event_is_counted_as_another_one(message):
    record = RunRecord()
    assert record.add(message, now=0.0) == "other"
    assert (record.received, record.events) == (1, {"other": 1})
    assert record.epochs == []


@pytest.mark.parametrize("logs", ["null", "7", "[]", '"loss"', '{"loss": "low"}', '{"loss": null}'])
@pytest.mark.parametrize("event", ["batch_end", "epoch_end"])
def test_a_loss_that_is_no_number_is_unknown(event, logs):
    record = record_of({"event": "epoch_begin"}, f'{{"event": "{event}", "logs": {logs}}}')
    assert record.events[event] == 1
    assert record.epochs[0].batch_loss is None
    assert record.epochs[0].train_loss is None


@pytest.mark.parametrize("event", ["batch_end", "epoch_end"])
def test_a_loss_too_large_for_a_float_does_not_break_the_record(event):
    message = f'{{"event": "{event}", "logs": {{"loss": {HUGE}, "val/loss": {HUGE}}}}}'
    record = record_of({"event": "epoch_begin"}, message, {"event": "train_end"})
    assert record.ended


def test_an_event_of_another_name_is_counted_under_it():
    record = record_of({"event": "lr_changed"}, {"event": "lr_changed"})
    assert record.events == {"lr_changed": 2}


def epoch_of(number: int, event: str, **logs: float) -> str:
    return json.dumps({"event": event, "epoch": number, "logs": logs})


def test_what_has_waited_for_a_worker_has_no_duration():
    record = RunRecord()
    record.add(epoch_of(0, "epoch_begin"), now=1.0)
    record.pause()
    for number in range(2):
        record.add(epoch_of(number, "epoch_end"), now=100.0)
        record.add(epoch_of(number + 1, "epoch_begin"), now=100.0)
    record.add(epoch_of(2, "epoch_end"), now=103.0)
    record.add(epoch_of(3, "epoch_begin"), now=103.0)
    record.add(epoch_of(3, "epoch_end"), now=107.0)
    assert [epoch.seconds for epoch in record.epochs] == [None, None, None, 4.0]
    assert all(epoch.has_ended for epoch in record.epochs)


def test_what_a_trainer_has_sent_before_anybody_listened_has_no_duration():
    record = RunRecord()
    record.note(StateChanged(state=RunState.WAITING, text="waiting", runs_already=True))
    for number, now in ((16, 100.0), (17, 100.1), (18, 100.2), (19, 103.0)):
        record.add(epoch_of(number, "epoch_begin"), now=now)
        record.add(epoch_of(number, "epoch_end"), now=now + (2.8 if number == 18 else 0.1))
    assert [epoch.seconds for epoch in record.epochs][:3] == [None] * 3
    assert record.epochs[3].seconds == pytest.approx(0.1)


def test_an_epoch_of_the_trainers_own_log_gives_way_to_a_report():
    record = RunRecord()
    record.add(epoch_of(0, "epoch_begin"), now=1.0)
    record.add(epoch_of(0, "epoch_end", loss=0.9), now=2.0)
    assert not record.fill_in(EpochRead(epoch=0, train_loss=0.1))
    assert record.fill_in(EpochRead(epoch=1, train_loss=0.8, val_loss=0.7))
    assert record.fill_in(EpochRead(epoch=2, train_loss=0.6))
    record.add(epoch_of(2, "epoch_begin"), now=3.0)
    record.add(epoch_of(2, "epoch_end", loss=0.5), now=4.0)
    losses = [(one.number, one.train_loss, one.is_read) for one in record.rows]
    assert losses == [(0, 0.9, False), (1, 0.8, True), (2, 0.5, False)]


def test_where_the_first_epoch_was_not_heard_a_training_loss_is_that_of_the_epoch_before():
    record = RunRecord()
    record.fill_in(EpochRead(epoch=6, val_loss=0.5))
    record.add(epoch_of(7, "epoch_begin"), now=1.0)
    record.add(epoch_of(7, "epoch_end", **{"train/loss": 0.4, "val/loss": 0.3}), now=2.0)
    assert [(row.number, row.train_loss) for row in record.rows] == [(6, 0.4), (7, None)]


def test_an_epoch_that_ended_while_nobody_listened_is_not_given_the_losses_of_another():
    record = RunRecord()
    record.add(epoch_of(3, "epoch_begin"), now=1.0)
    record.add('{"event": "batch_end", "logs": {"loss": 0.9}}', now=1.5)
    record.pause()
    record.add('{"event": "batch_end", "logs": {"loss": 0.1}}', now=50.0)
    record.add('{"event": "batch_end", "logs": {"loss": 0.1}}', now=51.0)
    record.add(epoch_of(10, "epoch_end", **{"train/loss": 0.2, "val/loss": 0.3}), now=52.0)
    record.add(epoch_of(11, "epoch_begin"), now=53.0)
    found = [(one.number, one.batches, one.train_loss, one.val_loss) for one in record.epochs]
    assert found == [(3, 1, None, None), (10, 2, None, 0.3), (11, 0, None, None)]
    assert [one.has_ended for one in record.epochs] == [False, True, False]


def test_a_loss_that_is_told_late_is_the_former_epochs_alone():
    record = RunRecord()
    for number in (0, 1):
        record.add(epoch_of(number, "epoch_begin"), now=1.0)
        told = {"train/loss": 0.8} if number else {}
        record.add(epoch_of(number, "epoch_end", loss=0.7, **told), now=2.0)
    record.pause()
    record.add(epoch_of(5, "epoch_end", **{"loss": 0.5, "train/loss": 0.6}), now=50.0)
    found = [(one.number, one.train_loss) for one in record.epochs]
    assert found == [(0, 0.8), (1, 0.7), (5, 0.5)]
