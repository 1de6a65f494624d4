"""Worker events as JSON: what is encoded is decoded, and nothing else is taken for one."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import (
    EVENT_MARK,
    PASSING_EVENTS,
    EpochRead,
    OutputWritten,
    RunState,
    StateChanged,
    TrainingReport,
    WorkerEvent,
    decode_event,
    encode_event,
    is_marked_as_event,
    plain_text,
)

# Any number that JSON gives back as it was.
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(int, st.integers(1 - 2**63, 2**63 - 1))

events = st.one_of(*(st.from_type(kind) for kind in get_args(WorkerEvent)))


@given(event=events)
def test_what_is_encoded_is_decoded(event: WorkerEvent) -> None:
    text = encode_event(event)
    assert text.isascii()
    assert decode_event(text) == event
    message = json.loads(text)
    assert message["what"] == EVENT_MARK
    assert isinstance(message["event"], str)  # SLEAP's loss viewer looks for it in every message


@given(event=events)
def test_the_plain_text_is_log_lines_or_nothing(event: WorkerEvent) -> None:
    text = plain_text(encode_event(event))
    assert text == "" or text.startswith("CR::") or text.endswith("\n")


def test_who_does_not_know_events_gets_the_last_line_of_what_changes() -> None:
    assert plain_text(encode_event(OutputWritten(changing="outer 1/3\ninner 2/9"))) == (
        "CR::inner 2/9"
    )
    assert plain_text(encode_event(OutputWritten(lines=("a",), changing="b\nc"))) == "a\n"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "__meta__",
        '"__meta__"',
        '{"what": "__meta__"}',
        '{"what": "__meta__", "event": "unheard of"}',
        '{"what": "__meta__", "event": ["state"]}',
        '{"what": "__meta__", "event": "state"}',
        '{"what": "__meta__", "event": "state", "state": "flying", "text": ""}',
        '{"what": "__meta__", "event": "clock", "time": 1, "position": 1, "more": 2}',
        '{"what": "__meta__", "event": "clock", "time": "1", "position": 1}',
        '{"what": "__meta__", "event": "clock", "time": 1, "position": true}',
        '{"what": "__meta__", "event": "output", "lines": 5}',
        '{"what": "__meta__", "event": "output", "lines": [5]}',
        '{"what": "__meta__", "event": "warning", "text": 5}',
        '{"what": "__meta__", "event": "state", "state": "training", "text": "", "epochs": "3"}',
        '{"what": "", "event": "clock", "time": 1, "position": 1, "note": "__meta__"}',
        '{"event": "epoch_end", "logs": {"loss": NaN}}',
        '{"what": "__meta__", "event": "resources", "gpus": [1]}',
        "[" * 100_000 + '"__meta__"',
    ],
)
def test_anything_else_is_no_event(message: str) -> None:
    assert decode_event(message) is None
    assert plain_text(message) == ""


@pytest.mark.parametrize(
    ("event", "passing"),
    [
        (OutputWritten(lines=("a",)), True),
        (StateChanged(state=RunState.TRAINING, text=""), False),
        (TrainingReport(outcome="completed", text=""), False),
    ],
)
def test_a_run_can_be_understood_without_the_events_that_pass(
    event: WorkerEvent, passing: bool
) -> None:
    assert (json.loads(encode_event(event))["event"] in PASSING_EVENTS) is passing


@pytest.mark.parametrize(
    ("message", "marked"),
    [
        ('{"what": "__meta__"}', True),
        ('{"what": "__meta__", "event": "output", "lines": 5}', True),
        ('{"what": "\\u005f_meta__", "event": "alive"}', True),
        ('{"what": "centroid", "event": "__meta__"}', False),
        ('["__meta__"]', False),
        ("__meta__", False),
        ("{", False),
    ],
)
def test_what_a_client_would_take_for_an_event_is_known(message: str, marked: bool) -> None:
    assert is_marked_as_event(message) is marked


def test_a_number_that_cannot_be_written_is_in_no_event() -> None:
    event = encode_event(EpochRead(epoch=7))
    assert decode_event(event) == EpochRead(epoch=7)
    assert decode_event(event.replace("7", "9" * 4299)) is None
