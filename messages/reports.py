"""What is read of a trainer's reports, by all who read them alike. Pure functions."""

from typing import Final

_INDEX_LIMIT: Final = 1_000_000_000
"""A number of an epoch or a batch is below it, as it is for the page."""


def index_of(value: object) -> int | None:
    """The number of an epoch or a batch that a report's ``value`` is; None if it is none.

    It is a whole number from 0 on, or a float that is one, as JSON's ``1e5`` is.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < _INDEX_LIMIT and value == int(value) else None
