"""Job: who asked for what of the job that is reported, and what the answers say. A plain object."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.runtime import reply
from messages import (
    JobOutcome,
    Peer,
    ProgressCounts,
    ReportingFailed,
    ReportingStopped,
    ReportingSummary,
    StartAnswer,
    StartReporting,
    StopReporting,
    SwitchJob,
)

NOT_READY = "reporting was stopped before it was ready"


@dataclass(slots=True)
class Job:
    """The supervisor's book of one job."""

    job_id: str
    start: StartReporting | None = None
    """The start, until it is answered."""
    stops: list[StopReporting] = field(default_factory=list)
    switch: SwitchJob | None = None
    outcome: JobOutcome | None = None
    failure: str | None = None
    """Why reporting had to end, if it had to."""
    strangers: tuple[Peer, ...] = ()
    """Who prevented the start, if somebody did."""
    counts: ProgressCounts | None = None
    """The job's counts, as soon as all of it has been received."""
    ending: bool = False
    """Whether reporting is to end with it."""

    def knows(self, job_id: str) -> bool:
        """Whether ``job_id`` is this job, or the one that is to follow it on the same sockets."""
        return job_id == self.job_id or (
            self.switch is not None and job_id == self.switch.next_job_id
        )

    def end_with(self, outcome: JobOutcome) -> None:
        """Note the outcome, unless one is noted."""
        self.outcome = self.outcome or outcome

    def answer_start(self, answer: StartAnswer) -> None:
        """Answer the start, once."""
        if self.start is not None:
            start, self.start = self.start, None
            reply(start.reply_to, answer)

    def answer(self, stopped: ReportingStopped) -> None:
        """Answer all who still wait, when everything is closed."""
        reason = self.failure or NOT_READY
        failed = ReportingFailed(job_id=self.job_id, reason=reason, strangers=self.strangers)
        self.answer_start(failed)
        if self.switch is not None:
            reply(self.switch.reply_to, stopped)
            failed = ReportingFailed(job_id=self.switch.next_job_id, reason=reason)
            reply(self.switch.reply_to, failed)
        for stop in self.stops:
            never_began = ReportingStopped(
                job_id=stop.job_id, outcome=stop.outcome, summary=ReportingSummary()
            )
            reply(stop.reply_to, stopped if stop.job_id == self.job_id else never_began)
