"""What is read of a report."""

import pytest

from messages import index_of


@pytest.mark.parametrize(
    ("value", "number"), [(0, 0), (7, 7), (1e5, 100_000), (7.0, 7), (10**9 - 1, 10**9 - 1)]
)
def test_a_whole_number_is_an_index_however_it_is_written(value, number):
    assert index_of(value) == number
    assert type(index_of(value)) is int


@pytest.mark.parametrize(
    "value",
    [-1, 1.5, 10**9, 10**4300 - 1, 1e300, float("inf"), float("nan"), True, "7", None, [7]],
)
def test_what_is_no_plausible_whole_number_is_none(value):
    assert index_of(value) is None
