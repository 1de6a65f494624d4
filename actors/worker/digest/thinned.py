"""Thinned: many points of a curve as few that look the same. A plain object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKETS: Final = 500
"""Of a curve, with up to four points each: a screen has about as many columns."""


@dataclass(frozen=True, slots=True)
class Point:
    """The loss of one batch."""

    epoch: int
    batch: int
    loss: float


@dataclass(slots=True)
class _Bucket:
    first: Point
    last: Point
    least: Point
    most: Point
    count: int = 1

    def take(self, least: Point, most: Point, last: Point, count: int = 1) -> None:
        """Take in ``count`` points that follow."""
        self.last = last
        self.count += count
        if least.loss < self.least.loss:
            self.least = least
        if most.loss > self.most.loss:
            self.most = most

    def points(self) -> Iterator[Point]:
        inner = {id(p): p for p in (self.first, self.least, self.most, self.last)}
        return iter(sorted(inner.values(), key=lambda point: (point.epoch, point.batch)))


class Thinned:
    """Of each bucket of neighbours the first, the least, the most and the last point are kept.

    There are ``buckets`` at most: when they are full, each takes in its neighbour and twice as many
    points. Points come in their order, with a loss that is a number.
    """

    def __init__(self, buckets: int = BUCKETS) -> None:
        self._limit = buckets
        self._size = 1
        self._buckets: list[_Bucket] = []

    def add(self, point: Point) -> None:
        """Add the next point."""
        if self._buckets and self._buckets[-1].count < self._size:
            self._buckets[-1].take(point, point, point)
            return
        if len(self._buckets) == self._limit:
            self._halve()
        self._buckets.append(_Bucket(point, point, point, point))

    def _halve(self) -> None:
        self._size *= 2
        joined = self._buckets[::2]
        for left, right in zip(joined, self._buckets[1::2], strict=False):  # an odd one is last
            left.take(right.least, right.most, right.last, right.count)
        self._buckets = joined

    def points(self) -> list[Point]:
        """The points that are kept, in order."""
        return [point for bucket in self._buckets for point in bucket.points()]
