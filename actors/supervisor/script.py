"""Script: the steps of a life, one below the other, in a generator that yields where it waits.

Plain objects on the supervisor's thread. While a script waits the supervisor handles everything
else; an answer, the end of its time or a crash resumes it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from actors.runtime import Cancellable, Scheduler
    from messages import Mailbox

T = TypeVar("T")

MARGIN: Final = 1.0
"""Seconds beyond its own bound that an actor is waited for; it answers in milliseconds."""


class Missing(enum.Enum):
    """What a script is resumed with in place of an answer."""

    TIMED_OUT = enum.auto()
    CRASHED = enum.auto()
    """The child that would have answered has crashed; its successor is there."""


class Ended(Exception):
    """Thrown into a script that is to end early."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Told to the supervisor: hand ``answer`` to ``take``, on its thread.

    Who has asked for it may have gone on without it.
    """

    take: Callable[[Any], None]
    answer: Any


class Wait:
    """One thing that a script waits for, and the mailbox for its answer.

    It takes ``timeout`` seconds at most; None waits until the script is resumed or closed.
    ``child`` is the name of the child that is to answer. Once the script has gone on, the wait is
    over, and an answer that comes later is late.
    """

    def __init__(
        self, me: Mailbox[Answered], *, timeout: float | None = None, child: str | None = None
    ) -> None:
        self._me = me
        self.timeout = timeout
        self.child = child
        self.resume: Callable[[Any], None] | None = None

    def tell(self, answer: Any, /) -> None:
        """Take the answer; from any thread."""
        self._me.tell(Answered(self.answered, answer))

    def answered(self, answer: Any, /) -> None:
        """Resume the script that still waits."""
        if self.resume is not None:
            self.resume(answer)


Steps: TypeAlias = Generator[Wait, Any, T]
"""A part of a script that comes to a ``T``."""


class Script:
    """Runs ``steps``."""

    def __init__(self, steps: Steps[None], scheduler: Scheduler) -> None:
        self._steps = steps
        self._scheduler = scheduler
        self._wait: Wait | None = None
        self._timer: Cancellable | None = None

    def resume(self, answer: Any) -> None:
        """Go on with ``answer``; None begins it."""
        self._run(lambda: self._steps.send(answer))

    def crashed(self, child: str) -> None:
        """Go on without an answer if it is ``child`` that would have given it."""
        if self._wait is not None and self._wait.child == child:
            self.resume(Missing.CRASHED)

    def end(self) -> None:
        """Throw ``Ended`` into it where it waits."""
        self._run(lambda: self._steps.throw(Ended()))

    def close(self) -> None:
        """Leave it where it is, for good."""
        self._leave_wait()
        self._steps.close()

    def _run(self, advance: Callable[[], Wait]) -> None:
        self._leave_wait()
        try:
            self._wait = wait = advance()
        except StopIteration:
            return
        wait.resume = self.resume
        if wait.timeout is not None:
            self._timer = self._scheduler.after(wait.timeout, lambda: wait.tell(Missing.TIMED_OUT))

    def _leave_wait(self) -> None:
        if self._wait is not None:
            self._wait.resume = None
        if self._timer is not None:
            self._timer.cancel()
        self._wait = self._timer = None
