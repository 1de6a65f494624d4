"""Details: the losses of single batches, for whoever looks closely. A plain object."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCHES_KEPT: Final = 1_000_000
"""Of a run: 16 MB. A journal of a million reports has half as many."""

BUCKETS: Final = 1_000
"""Of a part of a curve, with up to four points each: a page draws 4,000."""

Place: TypeAlias = tuple[int, int]
"""Numbers of an epoch and of a batch in it."""


class Part(NamedTuple):
    """A part of a curve, in columns: of ``kept`` batches those that look so.

    It is ``whole`` unless older ones of it are no longer kept.
    """

    epochs: list[int]
    numbers: list[int]
    losses: list[float]
    kept: int
    whole: bool


class Details:
    """The newest losses of a run, in their order, at least ``limit`` of them where there are."""

    def __init__(self, limit: int = BATCHES_KEPT) -> None:
        self._limit = limit
        self._epochs, self._numbers = array("i"), array("i")  # numbers are below a billion
        self._losses = array("d")
        self._dropped = 0

    @property
    def added(self) -> int:
        """How many there have been: where the next one stands."""
        return self._dropped + len(self._losses)

    def add(self, epoch: int, number: int, loss: float) -> None:
        """Add the next batch's loss, which is a number."""
        self._epochs.append(epoch)
        self._numbers.append(number)
        self._losses.append(loss)
        if len(self._losses) > self._limit + self._limit // 8:
            more = len(self._losses) - self._limit
            for column in (self._epochs, self._numbers, self._losses):
                del column[:more]
            self._dropped += more

    def part(self, begin: int, end: int, first: Place, last: Place) -> Part:
        """Of those that stand from ``begin`` to ``end`` the batches ``first`` to ``last``."""
        places = range(max(0, begin - self._dropped), max(0, end - self._dropped))

        def place(at: int) -> Place:
            return self._epochs[at], self._numbers[at]

        left = places.start + bisect_left(places, first, key=place)
        right = places.start + bisect_right(places, last, key=place)
        told = [*range(left, right)]
        if len(told) > 4 * BUCKETS:
            told = [*self._corners(left, right)]
        return Part(
            epochs=[self._epochs[at] for at in told],
            numbers=[self._numbers[at] for at in told],
            losses=[self._losses[at] for at in told],
            kept=max(0, right - left),
            whole=begin >= self._dropped or left > places.start,
        )

    def _corners(self, left: int, right: int) -> Iterator[int]:
        """Of each of ``BUCKETS`` stretches the first, the least, the most and the last."""
        size = -(-(right - left) // BUCKETS)
        for begin in range(left, right, size):
            losses = self._losses[begin : min(begin + size, right)]
            least, most = losses.index(min(losses)), losses.index(max(losses))
            yield from sorted({begin, begin + least, begin + most, begin + len(losses) - 1})
