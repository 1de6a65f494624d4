"""TokenBucket: so much at once, so much in the long run."""

from actors.runtime import LINES, LINES_RATE, FewLines, TokenBucket


def test_a_burst_may_come_at_once_and_no_more() -> None:
    bucket = TokenBucket(rate=1.0, burst=3)
    assert [bucket.take(1, now=10.0) for _ in range(4)] == [True, True, True, False]


def test_in_the_long_run_it_is_the_rate() -> None:
    bucket = TokenBucket(rate=2.0, burst=4)
    taken = sum(bucket.take(1, now=tick / 10) for tick in range(1_000))
    assert taken == 4 + 2 * 100 - 1


def test_what_is_refused_takes_nothing() -> None:
    bucket = TokenBucket(rate=1.0, burst=3)
    assert not bucket.take(4, now=0.0)
    assert bucket.take(3, now=0.0)


def test_what_is_owed_is_gained_before_anything_is_taken() -> None:
    bucket = TokenBucket(rate=1.0, burst=3)
    assert bucket.take(3, now=0.0)
    bucket.owe(2)
    assert [bucket.take(1, now=now) for now in (0.0, 2.5, 3.0)] == [False, False, True]


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(rate=1.0, burst=1)
    assert bucket.take(1, now=5.0)
    assert not bucket.take(1, now=5.0)
    assert not bucket.take(1, now=1.0)


def test_of_many_lines_few_are_written_and_the_others_are_counted() -> None:
    counts: list[int] = []
    lines = FewLines(counts.append)
    assert sum(lines.takes(now=0.0) for _ in range(100)) == LINES
    assert counts == []
    for _ in range(2):
        lines.log_left_out()
    assert counts == [100 - LINES]
    assert not lines.takes(now=0.0)
    assert lines.takes(now=1.0 / LINES_RATE)
    assert counts == [100 - LINES, 1]
