"""OwnTraining: a training as a child of the worker itself, which shares its output."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from actors.worker.keeper import Ended, Started, Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.worker.keeper import Dispositions, Event


class OwnTraining:
    """See ``Source``. Made where it is started; raises OSError or ValueError."""

    def __init__(
        self, command: tuple[str, ...], *, dispositions: Dispositions, variables: dict[str, str]
    ) -> None:
        self._training = Training(alone=True)
        # The worker takes some that it was started to ignore, and blocks those that it takes.
        self._training.start(
            command,
            ignored=dispositions.ignored,
            blocked=dispositions.blocked,
            variables=variables,
        )
        self._news: list[Event] = [Started(self._training.pid, keeper=0)]
        self._is_over = False

    def news(self) -> Iterator[Event]:
        """What has happened."""
        now = time.monotonic()
        news, self._news = self._news + self._training.step(now), []
        yield from news
        if not self._is_over and self._training.is_over(now, silent=True):
            self._is_over = True
            left = self._training.left(now)
            self._training.reap()
            yield Ended(self._training.returncode, self._training.cancelled, left, time.time())

    def terminate(self, grace: float) -> None:
        """End it."""
        self._news += self._training.cancel(grace, time.monotonic())

    def release(self) -> None:
        """It goes on without the worker."""
        self._training.forget()
