"""PageTexts: who is sent what of the run's log."""

from actors.client_channel.texts import CLOCK_INTERVAL, PageText, PageTexts
from messages import (
    ClockTold,
    OutputWritten,
    ProgressPage,
    RunState,
    StateChanged,
    decode_event,
    decode_report,
    encode_event,
)

STATE = encode_event(StateChanged(state=RunState.TRAINING, text="training"))
OUTPUT = encode_event(OutputWritten(lines=("one", "two")))
CHANGING = encode_event(OutputWritten(changing="50 %"))


def page(
    *messages: str, notes: tuple[int, ...] = (), times: tuple[float, ...] = ()
) -> ProgressPage:
    return ProgressPage(
        messages=messages, last=len(messages), missed=0, ended=False, notes=notes, times=times
    )


def test_a_client_that_knows_no_events_gets_reports_and_log_lines_alone() -> None:
    texts = PageTexts(events=False).of(
        page("a", STATE, OUTPUT, CHANGING, "b", notes=(1, 2, 3), times=(1.0, 2.0, 3.0, 4.0, 5.0))
    )
    assert list(texts) == [
        PageText("PROGRESS_REPORT::a", 1, is_report=True),
        PageText("", 1, is_report=False),
        PageText("one\ntwo\n", 1, is_report=False),
        PageText("CR::50 %", 1, is_report=False),
        PageText("PROGRESS_REPORT::b", 1, is_report=True),
    ]


def test_a_report_that_looks_like_a_note_is_forwarded_all_the_same() -> None:
    (text,) = PageTexts(events=False).of(page(STATE))
    assert text == PageText(f"PROGRESS_REPORT::{STATE}", 1, is_report=True)


def test_a_client_that_wants_events_gets_all_and_the_time_now_and_then() -> None:
    step = CLOCK_INTERVAL / 2
    times = (100.0, 100.0, 100.0 + step, 100.0 + 2 * step)
    found = list(PageTexts(events=True).of(page("a", STATE, "b", "c", notes=(1,), times=times)))
    assert [text.entries for text in found] == [0, 1, 1, 1, 0, 1]
    assert [text.is_report for text in found] == [False, True, False, True, False, True]
    messages = [decode_report(text.text) for text in found]
    assert messages[1:4] == ["a", STATE, "b"]
    assert messages[5] == "c"
    for place, time, position in ((0, 100.0, 1), (4, 100.0 + 2 * step, 4)):
        clock = ClockTold(time=round(time, 3), position=position)
        assert decode_event(messages[place] or "") == clock


def test_the_clock_goes_on_from_page_to_page_and_is_told_after_a_gap() -> None:
    texts = PageTexts(events=True)
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
