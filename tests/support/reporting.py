"""What most tests want of a supervisor, asked from the test's thread."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from actors import SupervisorRef, attach
from messages import (
    AttachClient,
    DataChannel,
    GetStatus,
    JobOutcome,
    Mailbox,
    Phase,
    ReporterStatus,
    ReportingReady,
    ReportingStopped,
    StartAnswer,
    StartReporting,
    StopAnswer,
    StopReporting,
    SwitchJob,
)
from tests.support.channel import FakeChannel
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE

NewSupervisor: TypeAlias = Callable[..., SupervisorRef]
"""Makes a supervisor with some settings changed: the fixture ``new_supervisor``."""


def ask_start(supervisor: SupervisorRef, job_id: str = "job-1", *, gui: bool = True) -> Any:
    """The answer to a ``StartReporting``."""

    def request(reply_to: Mailbox[StartAnswer]) -> StartReporting:
        return StartReporting(job_id=job_id, gui=gui, reply_to=reply_to)

    return supervisor.ask(request, timeout=PATIENCE)


def ask_stop(
    supervisor: SupervisorRef,
    job_id: str = "job-1",
    outcome: JobOutcome = JobOutcome.COMPLETED,
) -> Any:
    """The answer to a ``StopReporting``."""

    def request(reply_to: Mailbox[StopAnswer]) -> StopReporting:
        return StopReporting(job_id=job_id, outcome=outcome, reply_to=reply_to)

    return supervisor.ask(request, timeout=PATIENCE)


def start(supervisor: SupervisorRef, job_id: str = "job-1") -> ReportingReady:
    """Start to report ``job_id``."""
    answer = ask_start(supervisor, job_id)
    assert isinstance(answer, ReportingReady), answer
    assert answer.job_id == job_id
    return answer


def stop(
    supervisor: SupervisorRef,
    job_id: str = "job-1",
    outcome: JobOutcome = JobOutcome.COMPLETED,
) -> ReportingStopped:
    """Stop the report of ``job_id``."""
    answer = ask_stop(supervisor, job_id, outcome)
    assert isinstance(answer, ReportingStopped), answer
    assert (answer.job_id, answer.outcome) == (job_id, outcome)
    return answer


def tell_switch(
    supervisor: SupervisorRef,
    answers: Mailbox[Any],
    job_id: str = "job-1",
    next_job_id: str = "job-2",
) -> None:
    """Tell of a ``SwitchJob``; ``answers`` gets both answers."""
    supervisor.tell(
        SwitchJob(
            job_id=job_id,
            outcome=JobOutcome.COMPLETED,
            next_job_id=next_job_id,
            reply_to=answers,
        )
    )


def switch(
    supervisor: SupervisorRef, job_id: str = "job-1", next_job_id: str = "job-2"
) -> ReportingReady:
    """Switch to the next job of a pipeline."""
    answers: Probe[Any] = Probe()
    tell_switch(supervisor, answers, job_id, next_job_id)
    stopped, ready = answers.get(), answers.get()
    assert isinstance(stopped, ReportingStopped), stopped
    assert isinstance(ready, ReportingReady), ready
    return ready


@contextmanager
def stopping(supervisor: SupervisorRef) -> Iterator[None]:
    """``SupervisorRef.stop`` waits on a thread of its own; it must say True after the block."""
    results: Probe[bool] = Probe()
    thread = threading.Thread(target=lambda: results.tell(supervisor.stop(timeout=PATIENCE)))
    thread.start()
    yield
    results.expect(True)
    thread.join()


def status(supervisor: SupervisorRef) -> ReporterStatus:
    """How reporting stands; all that was told before has been handled when it comes."""

    def request(reply_to: Mailbox[ReporterStatus]) -> GetStatus:
        return GetStatus(reply_to=reply_to)

    return supervisor.ask(request, timeout=PATIENCE)


def wait_for_phase(supervisor: SupervisorRef, phase: Phase) -> ReporterStatus:
    """The first status that says ``phase``."""
    deadline = time.monotonic() + PATIENCE
    while (found := status(supervisor)).phase is not phase:
        assert time.monotonic() < deadline, f"{phase} was not reached: {found}"
    return found


def trainer_for(ready: ReportingReady) -> StandInTrainer:
    """A trainer that is connected to both addresses."""
    return StandInTrainer(
        control_address=ready.control_address, progress_address=ready.progress_address
    )


def attach_client(
    supervisor: SupervisorRef,
    channel: DataChannel,
    client_id: str = "alice",
    **what: Any,
) -> None:
    """Attach ``channel``; when this returns, the client's actor uses it."""
    supervisor.tell(AttachClient(channel=channel, client_id=client_id, **what))
    status(supervisor)  # answered by the client's actor too, after it has attached


def attach_early(
    loop_thread: LoopThread,
    supervisor: SupervisorRef,
    channel: FakeChannel,
    *texts: str,
    client_id: str = "alice",
    **what: Any,
) -> None:
    """Attach ``channel`` as code on the event loop does, and let ``texts`` come over it.

    All in one callback: the client's actor, which runs there too, cannot be listening.
    """

    def announced() -> None:
        attach(supervisor, client_id=client_id, channel=channel, **what)
        for text in texts:
            channel.receive(text)

    loop_thread.call(announced)
