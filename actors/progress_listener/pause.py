"""Pause: the listener's sleep between two polls. A plain object of the event loop's thread."""

from __future__ import annotations

import asyncio


class Pause:
    """Sleeps, until ``end`` is called."""

    def __init__(self) -> None:
        self._is_over = False
        self._sleeper: asyncio.Task[object] | None = None
        """The task that sleeps, until its sleep is ended."""

    async def sleep(self, seconds: float) -> None:
        """Sleep for ``seconds``."""
        sleeper = self._sleeper = asyncio.current_task()
        try:
            await asyncio.sleep(0 if self._is_over else seconds)
        except asyncio.CancelledError:
            # Of ``end``, of whoever cancels the task, or of both.
            if self._sleeper is not None or sleeper is None or sleeper.uncancel():
                raise
        finally:
            self._sleeper, self._is_over = None, False

    def end(self) -> None:
        """End the sleep; where there is none, the next one."""
        self._is_over = True
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None:
            sleeper.cancel()
