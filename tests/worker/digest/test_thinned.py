"""Thinned: few points that look like many."""

import math

import hypothesis
import pytest
from hypothesis import strategies as st

from actors.worker.digest.thinned import Point, Thinned


def curve(losses: list[float]) -> list[Point]:
    return [Point(number // 10, number % 10, loss) for number, loss in enumerate(losses)]


def thinned(points: list[Point], buckets: int) -> list[Point]:
    thinned = Thinned(buckets)
    for point in points:
        thinned.add(point)
    return thinned.points()


def test_few_points_stay_as_they_are() -> None:
    points = curve([math.sin(number) for number in range(100)])
    assert thinned(points, 100) == points


@pytest.mark.parametrize("count", [101, 1_000, 12_345])
def test_many_become_four_for_each_bucket_at_most(count: int) -> None:
    points = curve([math.sin(number * 0.7) for number in range(count)])
    kept = thinned(points, 100)
    assert 100 <= len(kept) <= 400
    assert set(kept) <= set(points)


def test_the_extremes_and_both_ends_are_never_lost() -> None:
    losses = [0.5] * 20_000
    losses[7_777], losses[12_321] = 9.0, 0.001
    kept = thinned(curve(losses), 50)
    assert {point.loss for point in kept} == {0.5, 9.0, 0.001}
    assert (kept[0], kept[-1]) == (Point(0, 0, 0.5), Point(1999, 9, 0.5))


@hypothesis.given(st.lists(st.floats(0, 1), max_size=300), st.integers(2, 20))
def test_what_is_kept_is_in_order_and_once(losses: list[float], buckets: int) -> None:
    points = curve(losses)
    kept = thinned(points, buckets)
    places = [(point.epoch, point.batch) for point in kept]
    assert places == sorted(set(places))
    assert len(kept) <= 4 * buckets
    if points:
        assert min(p.loss for p in kept) == min(losses)
        assert max(p.loss for p in kept) == max(losses)
        assert (kept[0], kept[-1]) == (points[0], points[-1])
