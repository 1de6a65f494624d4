"""Gather: the answers of several actors, of which some may end meanwhile.

Plain objects on the supervisor's thread.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from actors.runtime import Adapter
from actors.supervisor.script import Answered, Wait

if TYPE_CHECKING:
    from messages import Mailbox


class Respondent(Protocol):
    """A client that is asked, in the supervisor's book: it takes the answer first."""

    client_id: str

    def told(self, answer: Any, /) -> None:
        """Note what the actor has answered."""
        ...


class Gather:
    """``wait`` is over when all that were asked have answered or are gone."""

    def __init__(self, me: Mailbox[Answered], *, timeout: float | None = None) -> None:
        self._me = me
        self.wait = Wait(me, timeout=timeout)
        self.answers: list[Any] = []
        self.waits_for: set[Respondent | None] = set()
        """Those that have not answered; None is the listener."""

    def reply_to(self, respondent: Respondent | None) -> Mailbox[Any]:
        """The mailbox for the answer of ``respondent``, who is waited for from now on."""
        self.waits_for.add(respondent)
        return Adapter(self._me, partial(Answered, partial(self._answered, respondent)))

    def go_on_without(self, respondent: Respondent | None) -> None:
        """Wait for ``respondent`` no longer."""
        if respondent in self.waits_for:
            self.waits_for.discard(respondent)
            self.end_if_complete()

    def end_if_complete(self) -> None:
        """Be done when nobody is waited for."""
        if not self.waits_for:
            self.wait.tell(None)

    def _answered(self, respondent: Respondent | None, answer: Any) -> None:
        if respondent is not None:
            respondent.told(answer)
        self.answers.append(answer)
        self.go_on_without(respondent)
