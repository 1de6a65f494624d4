"""PageTexts: who is sent what of the run's log."""

import json
import math

import pytest

from actors.client_channel.texts import (
    CLOCK_INTERVAL,
    PageText,
    PageTexts,
    without_values,
)
from messages import (
    EVENTS_PROTOCOL,
    PAGES_PROTOCOL,
    ClockTold,
    OutputWritten,
    ProgressPage,
    RunState,
    StateChanged,
    decode_event,
    decode_report,
    encode_event,
    encode_report,
    text_bytes,
)

STATE = encode_event(StateChanged(state=RunState.TRAINING, text="training"))
OUTPUT = encode_event(OutputWritten(lines=("one", "two")))
CHANGING = encode_event(OutputWritten(changing="50 %"))


def page(
    *messages: str, notes: tuple[int, ...] = (), times: tuple[float, ...] = ()
) -> ProgressPage:
    return ProgressPage(
        messages=messages,
        last=len(messages),
        missed=0,
        ended=False,
        notes=notes,
        reports=len(messages) - len(notes),
        times=times,
    )


def test_a_client_that_knows_no_events_gets_reports_and_log_lines_alone() -> None:
    texts = PageTexts("").of(
        page("a", STATE, OUTPUT, CHANGING, "b", notes=(1, 2, 3), times=(1.0, 2.0, 3.0, 4.0, 5.0))
    )
    assert list(texts) == [
        PageText("PROGRESS_REPORT::a", 1, reports=1),
        PageText("", 1, reports=1),
        PageText("one\ntwo\n", 1, reports=1),
        PageText("CR::50 %", 1, reports=1),
        PageText("PROGRESS_REPORT::b", 1, reports=2),
    ]


def test_a_report_that_looks_like_a_note_is_forwarded_all_the_same() -> None:
    (text,) = PageTexts("").of(page(STATE))
    assert text == PageText(f"PROGRESS_REPORT::{STATE}", 1, reports=1)


def test_a_client_that_wants_events_gets_all_and_the_time_now_and_then() -> None:
    step = CLOCK_INTERVAL / 2
    times = (100.0, 100.0, 100.0 + step, 100.0 + 2 * step)
    found = list(PageTexts(EVENTS_PROTOCOL).of(page("a", STATE, "b", "c", notes=(1,), times=times)))
    assert [text.entries for text in found] == [0, 1, 1, 1, 0, 1]
    assert [text.reports for text in found] == [0, 1, 1, 2, 0, 3]
    messages = [decode_report(text.text) for text in found]
    assert messages[1:4] == ["a", STATE, "b"]
    assert messages[5] == "c"
    for place, time, position in ((0, 100.0, 1), (4, 100.0 + 2 * step, 4)):
        clock = ClockTold(time=round(time, 3), position=position)
        assert decode_event(messages[place] or "") == clock


def test_the_clock_goes_on_from_page_to_page_and_is_told_after_a_gap() -> None:
    texts = PageTexts(EVENTS_PROTOCOL)
    told = []
    for last in (1, 2, 5, 6):
        (*clock, _) = texts.of(
            ProgressPage(messages=("a",), last=last, missed=0, ended=False, times=(100.0,))
        )
        told.append([decode_event(decode_report(text.text) or "") for text in clock])
    assert told == [
        [ClockTold(time=100.0, position=1)],
        [],
        [ClockTold(time=100.0, position=5)],
        [],
    ]


def test_a_client_that_takes_pages_gets_many_entries_in_a_text() -> None:
    messages = ("a", STATE, "b", "ü" * 3)
    times = (100.0, 100.12345, 101.0, 102.0)
    [text] = PageTexts(PAGES_PROTOCOL).of(page(*messages, notes=(1,), times=times))
    assert (text.entries, text.reports) == (4, 3)
    assert json.loads(text.text) == {
        "first": 1,
        "times": [100.0, 100.123, 101.0, 102.0],
        "messages": list(messages),
    }


@pytest.mark.parametrize("letter", ["x", "ü", "\\", '"', "\U0001f42d"])
def test_an_entry_that_is_too_large_for_a_text_comes_in_pieces(letter: str) -> None:
    large = letter * 100_000
    texts = list(PageTexts(PAGES_PROTOCOL).of(page(large)))
    assert max(text_bytes(text.text) for text in texts) < 65_536
    assert [(text.entries, text.reports) for text in texts] == [(0, 0)] * (len(texts) - 1) + [
        (1, 1)
    ]
    pieces = [text.text.split("::", 2)[1:] for text in texts]
    assert [number for number, _ in pieces] == [
        f"{n}/{len(pieces)}" for n in range(1, len(pieces) + 1)
    ]
    whole = json.loads("".join(part for _, part in pieces))
    assert (whole["first"], whole["messages"]) == (1, [large])


def test_what_is_left_of_a_report_without_its_values_is_its_event() -> None:
    logs = {"val/loss": 0.5, "epoch": 3, "nodes": [1] * 1000, "text": "x" * 1000, "nan": math.nan}
    report = {"what": "", "event": "epoch_end", "epoch": 3, "logs": logs, "more": {"a": 1}}
    small = json.loads(decode_report(without_values(encode_report(json.dumps(report))) or "") or "")
    assert small.pop("truncated") is True
    assert math.isnan(small["logs"].pop("nan"))
    logs_left = {"val/loss": 0.5, "epoch": 3}
    assert small == {"what": "", "event": "epoch_end", "epoch": 3, "logs": logs_left}


def test_however_many_values_a_report_has_it_is_small_without_them() -> None:
    logs = {f"metric {number}": number for number in range(50_000)}
    small = without_values(encode_report(json.dumps({"event": "epoch_end", "logs": logs})))
    assert len(small or "") < 10_000


@pytest.mark.parametrize("message", ["", "x", "[1]", "{}", '{"event": 1}', "[" * 100_000])
def test_of_what_is_no_report_nothing_is_left(message: str) -> None:
    assert without_values(encode_report(message)) is None
    assert without_values(message) is None
