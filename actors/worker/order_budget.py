"""OrderBudget: how many orders each client may give. A plain object.

The outcome of an order is an event in the run's log, which is bounded: without a limit, one client
could push the run out of it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from actors.runtime import TokenBucket

BURST: Final = 20
"""Orders that a client may give at once; a person gives two."""

RATE: Final = 1.0
"""Orders a second that it may give in the long run."""

_CLIENTS: Final = 1000
"""Clients that are remembered; the server of the page has far fewer at once."""


class OrderBudget:
    """Each client has its own."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def spend(self, client: str, *, now: float) -> int:
        """How many orders ``client`` had left before this one, which came at ``now`` (seconds).

        With 0 the order is not to be obeyed.
        """
        bucket = self._buckets.pop(client, None) or TokenBucket(rate=RATE, burst=BURST)
        self._buckets[client] = bucket
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        left = bucket.left(now)
        bucket.take(1.0, now=now)
        return int(left)
