"""A WorkerActor between probes: the supervisor, the trainer, the terminal and who runs it."""

from typing import Any

from actors.worker import spawn
from messages import (
    ChildDown,
    ClientGone,
    JobOutcome,
    ReportingBypassed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    RunTraining,
    ShowState,
    StartReporting,
    StartTrainer,
    StopReporting,
    TerminalMessage,
    TrainerExited,
    TrainingEnded,
)
from tests.support.probe import PATIENCE, Probe

JOB = "job-1"
SUMMARY = ReportingSummary(received=10, forwarded=9, failed=1)
READY = ReportingReady(
    job_id=JOB,
    control_address="tcp://127.0.0.1:5000",
    progress_address="tcp://127.0.0.1:5001",
)
_BARRIER = "barrier"


class WorkerBench:
    """Tells the worker what the others would tell it, and looks at what they are told."""

    def __init__(self) -> None:
        self.parent: Probe[ChildDown] = Probe()
        self.terminal: Probe[TerminalMessage] = Probe()
        self.supervisor: Probe[Any] = Probe()
        self.trainer: Probe[Any] = Probe()
        self.ended: Probe[TrainingEnded] = Probe()
        self.worker = spawn(parent=self.parent, terminal=self.terminal)

    def tell(self, *messages: Any) -> None:
        for message in messages:
            self.worker.tell(message)

    def shown(self) -> list[str]:
        """What has been shown since the last look; all that was told before has been handled."""
        self.tell(ClientGone(client_id=_BARRIER, reason=""))
        texts = []
        while True:
            message = self.terminal.get()
            if isinstance(message, ShowState) and _BARRIER in message.text:
                return texts
            texts.append(message.text if isinstance(message, ShowState) else repr(message))

    def told(self) -> dict[str, list[Any]]:
        """What all others have been told since the last look."""
        self.shown()
        probes = {"supervisor": self.supervisor, "trainer": self.trainer, "ended": self.ended}
        messages = {name: probe.drain() for name, probe in probes.items()}
        return {name: found for name, found in messages.items() if found}

    def request(self, *command: str, gui: bool = True) -> RunTraining:
        return RunTraining(
            job_id=JOB,
            command=command or ("my-trainer",),
            gui=gui,
            supervisor=self.supervisor,
            trainer=self.trainer,
            reply_to=self.ended,
        )

    # The stations of a run, each with what the worker tells on its way there

    def begin(self, *command: str, gui: bool = True) -> None:
        """The supervisor has been told to report."""
        self.tell(self.request(*command, gui=gui))
        start = self.supervisor.get()
        assert isinstance(start, StartReporting), start
        assert (start.job_id, start.gui) == (JOB, gui)

    def train(self, *command: str, gui: bool = True) -> StartTrainer:
        """The trainer has been told to start."""
        self.begin(*command, gui=gui)
        self.tell(READY if gui else ReportingBypassed(job_id=JOB))
        start = self.trainer.get()
        assert isinstance(start, StartTrainer), start
        return start

    def deliver(self, returncode: int = 0, *, gui: bool = True) -> None:
        """The trainer has ended, and the supervisor has been told to stop."""
        self.train(gui=gui)
        self.tell(TrainerExited(returncode=returncode))
        assert self.stop_outcome() is (JobOutcome.FAILED if returncode else JobOutcome.COMPLETED)

    def end(self) -> None:
        """The run is over."""
        self.deliver()
        self.stopped()
        self.ended.expect(TrainingEnded(exit_code=0, summary=SUMMARY))

    # What comes after a stop

    def stop_outcome(self) -> JobOutcome:
        """The outcome with which the supervisor is told to stop."""
        stop = self.supervisor.wait_for(StopReporting)
        assert stop.job_id == JOB
        return stop.outcome

    def stopped(self) -> None:
        """The supervisor has stopped."""
        self.tell(ReportingStopped(job_id=JOB, outcome=JobOutcome.COMPLETED, summary=SUMMARY))

    def close(self) -> None:
        self.worker.stop(timeout=PATIENCE)
