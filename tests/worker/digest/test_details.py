"""Details: batch losses for whoever looks closely."""

import math

import hypothesis
import pytest
from hypothesis import strategies as st

from actors.worker.digest.details import BUCKETS, Details

END = (999_999_999, 999_999_999)


def details(count: int, *, limit: int = 1_000_000, per_epoch: int = 100) -> Details:
    made = Details(limit)
    for number in range(count):
        made.add(number // per_epoch, number % per_epoch, math.sin(number))
    return made


def test_of_a_part_all_batches_are_told_while_they_are_few() -> None:
    part = details(1_000).part(0, 1_000, (3, 98), (4, 1))
    assert part.epochs == [3, 3, 4, 4]
    assert part.numbers == [98, 99, 0, 1]
    assert part.losses == [math.sin(number) for number in (398, 399, 400, 401)]
    assert part.kept == 4


def test_many_are_as_few_as_are_drawn_and_their_extremes_are_among_them() -> None:
    made = details(50_000)
    made.add(500, 0, 9.0)
    made.add(500, 1, 0.0)
    part = made.part(0, made.added, (100, 0), END)
    assert part.kept == 40_002
    assert BUCKETS <= len(part.losses) <= 4 * BUCKETS
    assert max(part.losses) == 9.0
    assert min(part.losses) == min(math.sin(number) for number in range(10_000, 50_000))
    assert (part.epochs[0], part.numbers[0], part.losses[0]) == (100, 0, math.sin(10_000))
    assert (part.epochs[-1], part.numbers[-1], part.losses[-1]) == (500, 1, 0.0)


def test_a_model_has_its_own_batches() -> None:
    made = details(10)
    made.add(0, 0, 5.0)
    assert made.part(0, 10, (0, 0), END).losses == [math.sin(number) for number in range(10)]
    assert made.part(10, 11, (0, 0), END).losses == [5.0]


def test_what_nobody_has_told_is_no_batch() -> None:
    made = details(10)
    assert made.part(0, 10, (5, 0), END) == ([], [], [], 0, True)
    assert made.part(0, 10, (0, 5), (0, 4)) == ([], [], [], 0, True)
    assert Details().part(0, 0, (0, 0), END) == ([], [], [], 0, True)


def test_beyond_its_size_the_oldest_go_and_places_stay() -> None:
    made = details(1_000, limit=80, per_epoch=10)
    assert made.added == 1_000
    part = made.part(0, 1_000, (0, 0), END)
    assert 80 <= part.kept <= 90
    assert part.losses[-1] == math.sin(999)
    assert made.part(995, 1_000, (0, 0), END).losses == [math.sin(n) for n in range(995, 1_000)]
    assert made.part(0, 500, (0, 0), END) == ([], [], [], 0, False)
    assert not part.whole
    assert made.part(0, 1_000, (95, 0), END).whole
    assert made.part(995, 1_000, (0, 0), END).whole


@hypothesis.given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0, 1)), max_size=50),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_in_whatever_order_they_come_a_part_is_one_of_them(
    batches: list[tuple[int, int, float]], first: tuple[int, int], last: tuple[int, int]
) -> None:
    made = Details()
    for epoch, number, loss in batches:
        made.add(epoch, number, loss)
    part = made.part(0, made.added, first, last)
    assert part.kept == len(part.losses)
    found = zip(part.epochs, part.numbers, part.losses, strict=True)
    assert set(found) <= set(batches)


@pytest.mark.parametrize("count", [4 * BUCKETS, 4 * BUCKETS + 1, 5 * BUCKETS])
def test_nothing_is_told_twice(count: int) -> None:
    part = details(count).part(0, count, (0, 0), END)
    places = list(zip(part.epochs, part.numbers, strict=True))
    assert places == sorted(set(places))
    assert part.kept == count
