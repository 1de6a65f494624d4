"""Pace: which reports are gathered, and for how long."""

from actors.progress_listener.pace import Pace

GATHER = 0.016


def after(*drains: tuple[int, float]) -> Pace:
    """The pace after drains of so many reports, so many seconds after the one before."""
    pace, at = Pace(GATHER), 1000.0
    for count, later in drains:
        at += later
        pace.note(count=count, at=at)
    return pace


def test_single_reports_are_not_gathered() -> None:
    for pace in (after(), after((1, 0.0)), after((1, 0.0), (1, 0.05), (1, 0.05))):
        assert not pace.is_followed
        assert not pace.is_steady


def test_what_comes_behind_another_or_with_it_is_gathered() -> None:
    for pace in (after((1, 0.0), (1, 0.002)), after((2, 0.0)), after((2, 0.0), (2, 0.1))):
        assert pace.is_followed
        assert not pace.is_steady


def test_what_comes_one_after_another_is_steady_until_there_is_a_gap() -> None:
    stream = [(1, 0.01)] * 3
    assert after(*stream).is_steady
    assert not after(*stream, (1, 0.1)).is_steady


def test_more_than_five_hundred_a_second_are_gathered_three_times_as_long() -> None:
    assert after((9, 0.016)).gather == 3 * GATHER
    assert after((9, 0.016), (25, 0.048)).gather == 3 * GATHER
    assert after((9, 0.016), (23, 0.048)).gather == GATHER


def test_without_an_interval_nothing_is_one_after_another() -> None:
    pace = Pace(0.0)
    for at in range(5):
        pace.note(count=1, at=float(at))
    assert not pace.is_steady
    assert pace.gather == 0
