"""Steps: what the supervisor waits for, one step at a time. A plain object on its thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.runtime import Adapter
from actors.supervisor.inbox import Step, StepAnswer, StepTimedOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime import Cancellable, Scheduler
    from messages import Mailbox


class Steps:
    """Each step has a number that its answers and its timer carry: those of a former one are late.

    ``me`` gets both; hand them to ``is_current`` and ``timed_out``.
    """

    def __init__(self, *, me: Mailbox[Step | StepTimedOut], scheduler: Scheduler) -> None:
        self._me = me
        self._scheduler = scheduler
        self._number = 0
        self._timer: Cancellable | None = None
        self._then: Callable[[], None] = lambda: None
        self._awaited = ""
        self._without: Callable[[], None] = lambda: None

    def begin(
        self,
        within: float,
        then: Callable[[], None],
        *,
        awaited: str = "",
        without: Callable[[], None] = lambda: None,
    ) -> Mailbox[StepAnswer]:
        """End the step before and begin the next; the ``reply_to`` for what it waits for.

        ``then`` is done when the step is not ended ``within`` seconds, ``without`` when the
        ``awaited`` child crashes.
        """
        self.end()
        self._then, self._awaited, self._without = then, awaited, without
        number = self._number
        self._timer = self._scheduler.after(within, lambda: self._me.tell(StepTimedOut(number)))
        return Adapter(self._me, lambda answer: Step(number, answer))

    def end(self) -> None:
        """From here on, answers and timer of the step are late."""
        self._number += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def is_current(self, step: Step) -> bool:
        """Whether ``step`` answers what is waited for."""
        return step.number == self._number

    def timed_out(self, timer: StepTimedOut) -> None:
        """Do what is to be done without an answer."""
        if timer.number == self._number:
            self._then()

    def crashed(self, child: str) -> None:
        """Do what is to be done when it is ``child`` that would have answered."""
        if child == self._awaited:
            self._without()
