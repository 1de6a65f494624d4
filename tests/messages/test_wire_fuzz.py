"""Any text at all, at the places that read texts from outside."""

import dataclasses
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from messages import (
    ControlText,
    OtherText,
    StopText,
    decode_event,
    decode_report,
    encode_event,
    encode_report,
    parse_client_text,
    parse_order,
)
from messages.event_codec import _EVENTS, EVENT_MARK
from messages.wire import CONTROL_PREFIXES, plain_text

PREFIXES = [*CONTROL_PREFIXES, "PROGRESS_REPORT::", "JOB_STOP", "JOB_CANCEL", "CR::", ""]

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from(["command", "event", "what"]), inner)
    ),
    max_leaves=8,
)
any_text = st.text(st.characters())  # lone surrogates too
commands = any_text | json_values.map(json.dumps) | st.sampled_from(["STOP", "stop", "[" * 9_999])
texts = st.builds(str.__add__, st.sampled_from(PREFIXES), commands)


events = st.one_of(*map(st.from_type, _EVENTS.values()))


@st.composite
def broken_events(draw: st.DrawFn) -> str:
    """The text of an event in which some fields are missing, others wrong, or too many."""
    fields = json.loads(encode_event(draw(events)))
    for name in draw(st.sets(st.sampled_from(sorted(fields)))):
        if draw(st.booleans()):
            fields[name] = draw(json_values)
        else:
            del fields[name]
    if draw(st.booleans()):
        fields |= draw(st.dictionaries(st.text(), json_values, max_size=2))
    return json.dumps(fields)


@given(text=texts)
def test_any_text_of_a_client_is_an_order_or_its_owners_business(text: str) -> None:
    match parse_client_text(text):
        case ControlText(command=command):
            assert text.endswith(command)
        case OtherText(text=whole):
            assert whole == text
    order = parse_order(text)
    if isinstance(order, StopText) and order.command is not None:
        assert order.command in ("STOP", "stop") or json.loads(order.command)["command"] == "stop"


@given(command=commands)
def test_any_command_and_any_report_comes_out_as_it_went_in(command: str) -> None:
    assert parse_client_text("CONTROL_COMMAND::" + command) == ControlText(command=command)
    assert decode_report(encode_report(command)) == command


@given(text=broken_events() | texts | json_values.map(json.dumps))
def test_what_is_decoded_as_an_event_has_the_types_that_its_readers_count_on(text: str) -> None:
    event = decode_event(text)
    if event is None:
        assert plain_text(text) == ""
        return
    assert EVENT_MARK in text
    assert isinstance(plain_text(text), str)
    assert repr(decode_event(encode_event(event))) == repr(event)  # NaN is not equal to itself
    for field in dataclasses.fields(event):
        value = getattr(event, field.name)
        assert not isinstance(value, list | dict), f"{field.name} is {value!r}"
        assert isinstance(value, str) or field.type is not str
