"""Status surveys: a ``ReporterStatus`` is gathered from those who know its parts.

Plain objects on the supervisor's thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from actors.runtime import Adapter, deliver
from actors.supervisor.inbox import SurveyAnswer, SurveyTimedOut
from messages import ClientStatus, CountProgress, Mailbox, ProgressCounts, ReporterStatus

if TYPE_CHECKING:
    from actors.runtime import Cancellable, Scheduler
    from actors.supervisor.clients import ClientRoster

SURVEY_TIMEOUT: Final = 0.8
"""Seconds that those who know a part are waited for; what is missing then stays out."""

_LISTENER: Final = "\0listener"  # no client has this id


@dataclass(slots=True)
class _Survey:
    reply_to: Mailbox[ReporterStatus]
    status: ReporterStatus
    waits_for: set[str]
    timer: Cancellable
    clients: list[ClientStatus] = field(default_factory=list)


class StatusSurveys:
    """The surveys under way; ``me`` gets the answers, to be handed to ``answered``."""

    def __init__(self, *, me: Mailbox[SurveyAnswer | SurveyTimedOut], scheduler: Scheduler) -> None:
        self._me = me
        self._scheduler = scheduler
        self._number = 0
        self._surveys: dict[int, _Survey] = {}

    def begin(
        self,
        reply_to: Mailbox[ReporterStatus],
        status: ReporterStatus,
        listener: Mailbox[CountProgress],
        roster: ClientRoster,
    ) -> None:
        """Complete ``status`` with the counts and the clients' rows, then tell ``reply_to``."""
        self._number = number = self._number + 1
        answers: Mailbox[ProgressCounts | ClientStatus] = Adapter(
            self._me, lambda answer: SurveyAnswer(number, answer)
        )
        self._surveys[number] = _Survey(
            reply_to,
            status,
            waits_for={_LISTENER} | roster.survey(answers),
            timer=self._scheduler.after(
                SURVEY_TIMEOUT, lambda: self._me.tell(SurveyTimedOut(number))
            ),
        )
        listener.tell(CountProgress(reply_to=answers))

    def answered(self, message: SurveyAnswer) -> None:
        """Take an answer; the last one ends its survey."""
        survey = self._surveys.get(message.number)
        if survey is None:
            return
        answer = message.answer
        if isinstance(answer, ProgressCounts):
            survey.status = replace(
                survey.status, received=answer.received, undecodable=answer.undecodable
            )
            survey.waits_for.discard(_LISTENER)
        else:
            survey.clients.append(answer)
            survey.waits_for.discard(answer.client_id)
        if not survey.waits_for:
            self.end(message.number)

    def end_all(self) -> None:
        """Answer all with what is known."""
        for number in list(self._surveys):
            self.end(number)

    def end(self, number: int) -> None:
        """Answer with what is known."""
        survey = self._surveys.pop(number, None)
        if survey is not None:
            survey.timer.cancel()
            rows = tuple(sorted(survey.clients, key=lambda row: row.client_id))
            deliver(survey.reply_to, replace(survey.status, clients=rows))
