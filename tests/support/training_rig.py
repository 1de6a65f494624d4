"""A TrainerActor with a mailbox for each training that it is told to start."""

import os
import signal
from pathlib import Path

from actors.worker.keeper import Dispositions
from actors.worker.trainer import spawn
from messages import (
    AdoptTrainer,
    ChildDown,
    OutputStore,
    StartTrainer,
    TerminateTrainer,
    TrainerEvent,
    TrainerExited,
    TrainerLeft,
    TrainerNotStarted,
    TrainerOutput,
    TrainerRefused,
    TrainerSignalled,
    TrainerStarted,
)
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE

GRACE = 600.0
"""Seconds that are never over in a test."""


class Training:
    """One training of a trainer's actor, as its messages tell it."""

    def __init__(self) -> None:
        self.events: Probe[TrainerEvent] = Probe()
        self.lines: list[str] = []
        self.signals: list[str] = []
        self.states: list[str] = []
        self.refusals: list[str] = []
        self.pid = self.keeper = 0
        self.until = 0
        self.end: TrainerExited | None = None

    def started(self) -> int:
        """The process's id; its start is the first that is told."""
        event = self.events.get()
        assert isinstance(event, TrainerStarted), event
        self.pid, self.keeper = event.pid, event.keeper or 0
        return event.pid

    def wait_for_line(self, line: str) -> None:
        """Wait until ``line`` has been told."""
        while line not in self.lines:
            self._take(self.events.get())

    def wait_for_signal(self, name: str) -> None:
        """Wait until it has been told that the signal ``name`` was sent."""
        while name not in self.signals:
            self._take(self.events.get())

    def refusal(self) -> str:
        """Wait until it has been told that the training was not signalled; why."""
        while not self.refusals:
            self._take(self.events.get())
        return self.refusals[0]

    def _take(self, event: TrainerEvent) -> None:
        match event:
            case TrainerSignalled():
                self.signals.append(event.name)
            case TrainerRefused():
                self.refusals.append(event.reason)
            case TrainerOutput():
                self.lines += event.lines
                self.states += [event.changing] if event.changing is not None else []
                self.until = event.until
            case _:
                raise AssertionError(event)

    def exited(self) -> int | None:
        """The process's end; all output is told before it and nothing after it."""
        while not isinstance(event := self.events.get(), TrainerExited):
            self._take(event)
        assert self.events.drain() == []
        self.end = event
        return event.returncode


class TrainingRig:
    """A trainer's actor."""

    def __init__(self, dispositions: Dispositions | None = None) -> None:
        self.parent: Probe[ChildDown] = Probe()
        self.left: Probe[TrainerLeft] = Probe()
        self.trainer = spawn(parent=self.parent, left=self.left, dispositions=dispositions)
        self._trainings: list[Training] = []

    def start(
        self,
        *command: str,
        capture: bool = True,
        folders: tuple[Path, ...] = (),
        store: Path | OutputStore | None = None,
    ) -> Training:
        """Tell it to start ``command``."""
        self._trainings.append(training := Training())
        self.trainer.tell(
            StartTrainer(
                command=command,
                capture=capture,
                reply_to=training.events,
                checkpoint_folders=folders,
                store=OutputStore(folder=store, spare=0) if isinstance(store, Path) else store,
            )
        )
        return training

    def adopt(self, folder: Path, *, after: int = 0) -> Training:
        """Tell it to go on with the training of the run in ``folder``."""
        self._trainings.append(training := Training())
        store = OutputStore(folder=folder)
        self.trainer.tell(
            AdoptTrainer(store=store, after=after, since=0.0, reply_to=training.events)
        )
        return training

    def terminate(self, grace: float = GRACE) -> None:
        self.trainer.tell(TerminateTrainer(grace=grace))

    def is_busy(self) -> bool:
        """Whether a process runs, after all that was told before has been handled."""
        event = self.start("/no/such/trainer").events.get()
        assert isinstance(event, TrainerNotStarted), event
        return event.reason == "a trainer runs already"

    def close(self) -> None:
        """End the actor, and what still runs."""
        self.trainer.stop(timeout=PATIENCE)
        for training in self._trainings:
            if training.pid and training.end is None:
                try:
                    os.killpg(training.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
