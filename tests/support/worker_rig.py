"""A WorkerActor between probes: the supervisor, the trainer, the resources and who runs it."""

from typing import Any

from actors.worker.actor import spawn
from messages import (
    AddToLog,
    ChildDown,
    ClientMessageReceived,
    JobOutcome,
    KnowTrainer,
    ReportingBypassed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    RunTraining,
    StartReporting,
    StartTrainer,
    StopReporting,
    TrainerExited,
    TrainingEnded,
    WorkerEvent,
    decode_event,
)
from tests.support.clock import ManualScheduler
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE

JOB = "job-1"
SUMMARY = ReportingSummary(received=10, forwarded=9, failed=1)
READY = ReportingReady(
    job_id=JOB,
    control_address="tcp://127.0.0.1:5000",
    progress_address="tcp://127.0.0.1:5001",
)


class Supervisor(Probe[Any]):
    """The mailbox of the supervisor; what is to stand in the run's log is kept apart.

    So is who the trainer is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.notes: Probe[WorkerEvent] = Probe()
        self.trainers: Probe[int | None] = Probe()

    def tell(self, message: Any, /) -> None:
        if isinstance(message, KnowTrainer):
            self.trainers.tell(message.pid)
            return
        if not isinstance(message, AddToLog):
            super().tell(message)
            return
        for entry in message.entries:
            event = decode_event(entry.text)
            assert entry.note
            assert event is not None
            self.notes.tell(event)


class WorkerRig:
    """Tells the worker what the others would tell it, and looks at what they are told."""

    def __init__(self) -> None:
        self.parent: Probe[ChildDown] = Probe()
        self.clock = ManualScheduler()
        self.supervisor = Supervisor()
        self.trainer: Probe[Any] = Probe()
        self.resources: Probe[Any] = Probe()
        self.ended: Probe[TrainingEnded] = Probe()
        self.worker = spawn(parent=self.parent, scheduler=self.clock)

    def tell(self, *messages: Any) -> None:
        for message in messages:
            self.worker.tell(message)

    def barrier(self) -> None:
        """All that was told before has been handled."""
        self.worker._ref.ask(ClientMessageReceived(client_id="x", text=""), timeout=PATIENCE)

    def noted(self) -> list[WorkerEvent]:
        """What has been noted in the run's log since the last look."""
        self.barrier()
        return self.supervisor.notes.drain()

    def shown(self) -> list[str]:
        """The same in words."""
        return [getattr(event, "text", repr(event)) for event in self.noted()]

    def told(self) -> dict[str, list[Any]]:
        """What all others have been told since the last look."""
        self.barrier()
        probes = {"supervisor": self.supervisor, "trainer": self.trainer, "ended": self.ended}
        messages = {name: probe.drain() for name, probe in probes.items()}
        return {name: found for name, found in messages.items() if found}

    def request(self, *command: str, gui: bool = True, adopt: bool = False) -> RunTraining:
        return RunTraining(
            job_id=JOB,
            command=() if adopt else command or ("my-trainer",),
            gui=gui,
            supervisor=self.supervisor,
            trainer=self.trainer,
            reply_to=self.ended,
            resources=self.resources,
            title="my training",
            epochs=7,
            grace=3.0,
        )

    def ends_with(
        self, exit_code: int, summary: ReportingSummary | None = SUMMARY
    ) -> TrainingEnded:
        """The run's end."""
        ended = self.ended.get()
        assert (ended.exit_code, ended.summary) == (exit_code, summary)
        return ended

    # The stations of a run, each with what the worker tells on its way there

    def begin(self, *command: str, gui: bool = True, adopt: bool = False) -> None:
        """The supervisor has been told to report."""
        self.tell(self.request(*command, gui=gui, adopt=adopt))
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
        self.ends_with(0)

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
