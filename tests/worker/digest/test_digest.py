"""Digest: what is in it of a run, and what is not."""

import json
import math
from typing import Any

import psutil
import pytest

from actors.worker.digest import digest as module
from actors.worker.digest.digest import LINES_KEPT, Digest
from messages import (
    ControlStep,
    ControlTaken,
    OutputWritten,
    ResourcesUsed,
    RunState,
    StateChanged,
    WarningGiven,
    encode_event,
)
from tests.support.recorded_runs import recorded_run

STATE = encode_event(StateChanged(state=RunState.TRAINING, text="training", epochs=10))
STOP = encode_event(ControlTaken(command="stop", by="x", step=ControlStep.SENT, text="asked"))
WARNING = encode_event(WarningGiven(text="something"))


def output(*lines: str, changing: str | None = None) -> str:
    return encode_event(OutputWritten(lines=lines, changing=changing))


def resources(percent: float) -> str:
    return encode_event(
        ResourcesUsed(percent=percent, memory=1, memory_total=2, cores=2, processes=1)
    )


def report(event: str, **fields: Any) -> str:
    return json.dumps({"what": "", "event": event, **fields})


def batch(epoch: int, number: int, loss: Any) -> str:
    return report("batch_end", logs={"loss": loss, "other": 1.0}, batch=number, epoch=epoch)


def digested(*messages: str, first: int = 1) -> dict[str, Any]:
    digest = Digest()
    for position, message in enumerate(messages, first):
        digest.add(position, 1_000.0 + position, message)
    taken: dict[str, Any] = json.loads(digest.json())
    return taken


def entries(taken: dict[str, Any]) -> list[str]:
    return [message for _, message in taken["entries"]]


def test_of_a_recorded_run_all_but_the_batches_is_in_it() -> None:
    run = recorded_run("sleap_nn_full_run")
    taken = digested(*run)
    kept = [m for m in run if '"batch_' not in m]
    for found, message in zip(map(json.loads, entries(taken)), map(json.loads, kept), strict=True):
        assert {**found, "logs": 0} == {**message, "logs": 0}
        for name, value in (message.get("logs") or {}).items():
            assert math.isclose(found["logs"][name], value, rel_tol=1e-6)
    assert (taken["position"], taken["reports"]) == (len(run), len(run))
    [model] = taken["models"]
    ends = [m for m in map(json.loads, run) if m["event"] == "batch_end"]
    assert model["batches"]["epochs"] == [m["epoch"] for m in ends]
    assert model["batches"]["numbers"] == [m["batch"] for m in ends]
    assert taken["batches"] == len(ends)
    for found, end in zip(model["batches"]["losses"], ends, strict=True):
        assert math.isclose(found, end["logs"]["loss"], rel_tol=1e-5)
    assert model["epochs"]["numbers"] == list(range(10))
    assert model["epochs"]["seen"] == [40] * 10
    assert model["epochs"]["highest"] == [39] * 10
    for number, total in enumerate(model["epochs"]["sums"]):
        losses = [end["logs"]["loss"] for end in ends if end["epoch"] == number]
        assert math.isclose(total, sum(losses), rel_tol=1e-5)


def test_times_and_positions_are_those_of_the_log() -> None:
    taken = digested(STATE, report("train_begin"), batch(0, 0, 0.5), first=7)
    assert (taken["position"], taken["time"], taken["heard"]) == (9, 1_009.0, 1_009.0)
    assert [time for time, _ in taken["entries"]] == [1_007.0, 1_008.0]
    assert taken["left_out"] == 6


def test_an_entry_that_is_told_again_counts_once() -> None:
    digest = Digest()
    for position in (1, 2, 1, 2, 3):
        digest.add(position, 1.0, STATE)
    assert len(json.loads(digest.json())["entries"]) == 3


def test_of_the_output_the_last_lines_are_in_it_and_what_changes_still() -> None:
    lines = [f"line {number}" for number in range(3 * LINES_KEPT)]
    chunks = [output(*lines[at : at + 7]) for at in range(0, len(lines), 7)]
    taken = digested(*chunks, output(changing="10 %"), output(changing="20 %"))
    *kept, last = map(json.loads, entries(taken))
    found = [line for event in kept for line in event["lines"]]
    assert found == lines[-len(found) :]
    assert LINES_KEPT <= len(found) < LINES_KEPT + 7
    assert last["changing"] == "20 %"
    assert entries(digested(output(changing="10 %"), output("done"))) == [output("done")]


def test_of_what_the_trainer_uses_the_last_is_in_it() -> None:
    assert entries(digested(resources(1.0), STATE, resources(2.0))) == [STATE, resources(2.0)]


def test_states_orders_and_warnings_are_in_it() -> None:
    assert entries(digested(STATE, STOP, WARNING)) == [STATE, STOP, WARNING]


def test_each_model_of_a_pipeline_has_its_batches() -> None:
    begin = report("train_begin")
    taken = digested(begin, batch(0, 0, 1.0), report("train_end"), begin, batch(0, 0, 2.0))
    assert [model["batches"]["losses"] for model in taken["models"]] == [[1.0], [2.0]]


def test_batches_without_a_number_are_those_of_the_epoch_that_has_begun() -> None:
    taken = digested(
        report("train_begin"), report("epoch_begin", epoch=4), report("batch_end", logs={"loss": 1})
    )
    [model] = taken["models"]
    assert (model["batches"]["epochs"], model["batches"]["numbers"]) == ([4], [0])


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_told_as_it_came_and_is_no_point(loss: float) -> None:
    taken = digested(report("train_begin"), batch(0, 0, 1.0), batch(0, 1, loss))
    assert entries(taken)[-1] == batch(0, 1, loss)
    [model] = taken["models"]
    assert model["batches"]["losses"] == [1.0]
    assert model["epochs"]["sums"] == [None]
    assert model["epochs"]["seen"] == [2]


@pytest.mark.parametrize("value", [math.nan, math.inf, "text", None, [1, 2], {"a": 1}, 10**400])
def test_an_epoch_with_values_that_are_no_numbers_is_told_as_it_came(value: Any) -> None:
    message = report("epoch_end", epoch=0, logs={"loss": 0.1234567890123, "x": value})
    assert entries(digested(message)) == [message]


@pytest.mark.parametrize(
    "message",
    [
        *("", "x", "[1]", "null", '"text"', "{}", '{"event": 3}', "[" * 100_000),
        '{"what": "", "event": "batch_end"}',
        '{"what": "", "event": "batch_end", "logs": [1], "epoch": -1, "batch": "x"}',
        '{"what": "", "event": "batch_end", "logs": {"loss": "x"}, "epoch": 1.5, "batch": null}',
        '{"what": "", "event": "batch_end", "logs": {"loss": %s}}' % ("9" * 4_000),
        '{"what": "", "event": "batch_end", "epoch": %s, "batch": 1}' % ("9" * 30),
        '{"what": "", "event": "epoch_begin", "epoch": %s}' % ("9" * 30),
        '{"what": "", "event": "epoch_end", "epoch": %s, "logs": {}}' % ("9" * 30),
        '{"what": "__meta__", "event": "output", "lines": 3}',
        '{"what": "__meta__", "event": "output"}',
        '{"what": "", "event": "epoch_end", "logs": 3, "epoch": "x"}',
    ],
)
def test_whatever_comes_it_is_json_without_bare_nan(message: str) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    digest = Digest()
    digest.add(1, 5.0, message)
    digest.add(2, 6.0, STATE)
    taken = json.loads(digest.json(), parse_constant=refuse)
    assert taken["position"] == 2
    assert STATE in entries(taken)


def test_it_has_a_size_and_says_how_much_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRIES_KEPT", 100)
    taken = digested(*[report("epoch_end", epoch=number, logs={}) for number in range(150)])
    assert [json.loads(m)["epoch"] for m in entries(taken)] == list(range(50, 150))
    assert taken["left_out"] == 50


def test_a_hundred_thousand_reports_are_a_few_hundred_kilobytes() -> None:
    digest = Digest()
    digest.add(1, 0.0, report("train_begin"))
    for number in range(100_000):
        epoch, place = divmod(number, 200)
        digest.add(number + 2, number / 100, batch(epoch, place, math.sin(number)))
    assert len(digest.json()) < 100_000


def test_when_the_first_report_came_after_a_worker_began_is_in_it() -> None:
    starting = encode_event(StateChanged(state=RunState.STARTING, text="starting"))
    first = batch(3, 0, 0.5)
    taken = digested(starting, report("batch_start"), batch(2, 9, 0.5), starting, first, first)
    assert entries(taken) == [starting, report("batch_start"), starting, first]
    assert taken["batches"] == 3


def parted(digest: Digest, position: int, first: tuple[int, int], last: tuple[int, int]) -> Any:
    taken = digest.batches(position, first, last)
    return None if taken is None else json.loads(taken)


def test_the_batches_of_each_model_can_be_asked_for_one_by_one() -> None:
    digest, begin = Digest(), report("train_begin")
    first = [batch(epoch, number, epoch + number / 10) for epoch in range(3) for number in range(3)]
    run = [batch(0, 0, 7.0), begin, *first, batch(2, 3, math.nan), begin, batch(1, 0, 8.0)]
    for position, message in enumerate(run, 11):
        digest.add(position, 1_000.0, message)
    models = json.loads(digest.json())["models"]
    assert [model["position"] for model in models] == [0, 12, 23]
    found = parted(digest, 12, (1, 1), (2, 9))
    assert found == {
        "epochs": [1, 1, 2, 2, 2],
        "numbers": [1, 2, 0, 1, 2],
        "losses": [1.1, 1.2, 2.0, 2.1, 2.2],
        "kept": 5,
        "whole": True,
    }
    assert parted(digest, 0, (0, 0), (9, 9))["losses"] == [7.0]
    assert parted(digest, 23, (0, 0), (9, 9))["losses"] == [8.0]
    assert parted(digest, 13, (0, 0), (9, 9)) is None


@pytest.mark.parametrize(("written", "number"), [("1e5", 100_000), ("7.0", 7), ("9" * 4000, 0)])
def test_an_epoch_is_the_same_however_its_number_is_written(written: str, number: int) -> None:
    digest = Digest()
    batch = f'{{"event": "batch_end", "epoch": {written}, "batch": 2.0, "logs": {{"loss": 0.5}}}}'
    digest.add(1, 1.0, batch)
    model = json.loads(digest.json())["models"][0]
    assert model["batches"]["epochs"] == model["epochs"]["numbers"] == [number]


def test_what_is_kept_takes_little_more_than_its_size() -> None:
    digest, process = Digest(), psutil.Process()
    before = process.memory_info().rss
    for position in range(1, 20_001):
        digest.add(position, 0.0, json.dumps({"event": "epoch_begin", "epoch": position}))
    assert process.memory_info().rss - before < 20_000_000
