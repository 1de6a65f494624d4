"""Job: the supervisor's book of the one job that it reports."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.runtime import deliver
from messages import (
    JobOutcome,
    ProgressCounts,
    ReportingFailed,
    ReportingStopped,
    ReportingSummary,
    StartReporting,
    StopReporting,
    SwitchJob,
)


@dataclass(slots=True)
class Job:
    """Who asked for what, and what the answers will say."""

    job_id: str
    start: StartReporting | None = None
    """The start, until it is answered."""
    stops: list[StopReporting] = field(default_factory=list)
    switch: SwitchJob | None = None
    outcome: JobOutcome | None = None
    failure: str | None = None
    """Why reporting had to end, if it had to."""
    counts: ProgressCounts | None = None
    """The job's counts, as soon as all of it has been received."""

    def knows(self, job_id: str) -> bool:
        """Whether ``job_id`` is this job, or the one that is to follow it on the same sockets."""
        return job_id == self.job_id or (
            self.switch is not None and job_id == self.switch.next_job_id
        )

    def stopped(self, counts: ProgressCounts, forwarded: int, failed: int) -> ReportingStopped:
        """The answer to those who asked for the job's end."""
        return ReportingStopped(
            job_id=self.job_id,
            outcome=self.outcome or JobOutcome.FAILED,
            summary=ReportingSummary(
                received=counts.received,
                forwarded=forwarded,
                failed=failed,
                undecodable=counts.undecodable,
                train_end=counts.train_end,
            ),
        )

    def answer(self, stopped: ReportingStopped) -> None:
        """Answer all who still wait, when everything is closed."""
        if self.start is not None:
            reason = self.failure or "reporting was stopped before it was ready"
            deliver(self.start.reply_to, ReportingFailed(job_id=self.job_id, reason=reason))
        if self.switch is not None:
            deliver(self.switch.reply_to, stopped)
            deliver(
                self.switch.reply_to,
                ReportingFailed(
                    job_id=self.switch.next_job_id,
                    reason=self.failure or "reporting was stopped before it was ready",
                ),
            )
        for stop in self.stops:
            if stop.job_id == self.job_id:
                deliver(stop.reply_to, stopped)
            else:
                deliver(
                    stop.reply_to,
                    ReportingStopped(
                        job_id=stop.job_id, outcome=stop.outcome, summary=ReportingSummary()
                    ),
                )
