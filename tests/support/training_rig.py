"""A TrainerActor with a mailbox for each process that it is told to start."""

import threading
from pathlib import Path

from actors.worker.trainer import spawn
from messages import (
    ChildDown,
    StartTrainer,
    TerminateTrainer,
    TrainerEvent,
    TrainerExited,
    TrainerNotStarted,
    TrainerOutput,
    TrainerSignalled,
    TrainerStarted,
)
from tests.support.clock import ManualScheduler
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE, settled


class Training:
    """One process of a trainer's actor, as its messages tell it."""

    def __init__(self) -> None:
        self.events: Probe[TrainerEvent] = Probe()
        self.lines: list[str] = []
        self.signals: list[str] = []
        self.states: list[str] = []
        self.end: TrainerExited | None = None

    def started(self) -> int:
        """The process's id; its start is the first that is told."""
        event = self.events.get()
        assert isinstance(event, TrainerStarted), event
        return event.pid

    def wait_for_line(self, line: str) -> None:
        """Wait until ``line`` has been told."""
        while line not in self.lines:
            self._take(self.events.get())

    def _take(self, event: TrainerEvent) -> None:
        if isinstance(event, TrainerSignalled):
            self.signals.append(event.name)
            return
        assert isinstance(event, TrainerOutput), event
        self.lines += event.lines
        self.states += [event.changing] if event.changing is not None else []

    def exited(self) -> int:
        """The process's end; all output is told before it and nothing after it."""
        while not isinstance(event := self.events.get(), TrainerExited):
            self._take(event)
        assert self.events.drain() == []
        self.end = event
        return event.returncode


class TrainingRig:
    """A trainer's actor on a clock that the test advances."""

    def __init__(self, clock: ManualScheduler) -> None:
        self.clock = clock
        self.parent: Probe[ChildDown] = Probe()
        self.trainer = spawn(parent=self.parent, scheduler=clock)

    def start(
        self, *command: str, capture: bool = True, folders: tuple[Path, ...] = ()
    ) -> Training:
        """Tell it to start ``command``."""
        training = Training()
        self.trainer.tell(
            StartTrainer(
                command=command,
                capture=capture,
                reply_to=training.events,
                checkpoint_folders=folders,
            )
        )
        return training

    def terminate(self) -> None:
        self.trainer.tell(TerminateTrainer())

    def is_busy(self) -> bool:
        """Whether a process runs, after all that was told before has been handled."""
        event = self.start("/no/such/trainer").events.get()
        assert isinstance(event, TrainerNotStarted), event
        return event.reason == "a trainer runs already"

    def process_has_ended(self) -> None:
        """Wait until the actor has handled the end of the process itself."""
        assert settled(lambda: _threads("trainer-wait") == 0)
        self.is_busy()

    def only_one_output_is_read(self) -> None:
        """Wait until the actor has handled the ends of all outputs but one."""
        assert settled(lambda: _threads("trainer-output") == 1)
        self.is_busy()

    def close(self) -> None:
        self.trainer.stop(timeout=PATIENCE)


def _threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())
