"""RunEvents: what the worker has to say of a run, put into the run's log. A plain object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from messages import (
    AddToLog,
    ControlStep,
    ControlTaken,
    LogEntry,
    OutputWritten,
    RunState,
    StateChanged,
    WarningGiven,
    WorkerEvent,
    encode_event,
)

if TYPE_CHECKING:
    from messages import Mailbox, TrainerOutput

EVENT_CHARACTERS: Final = 16 * 1024
"""Characters of output in one event: a client takes a message of that in any encoding."""


class RunEvents:
    """Every client of the run hears them, between the trainer's reports."""

    def __init__(
        self,
        log: Mailbox[AddToLog] | None = None,
        *,
        title: str = "",
        epochs: int | None = None,
        models: tuple[str, ...] = (),
    ) -> None:
        self._log = log  # None before there is a run
        self._title = title
        self._epochs = epochs
        self._models = models

    def add(self, *events: WorkerEvent) -> None:
        """Add ``events``."""
        if self._log is not None:
            entries = tuple(LogEntry(text=encode_event(event), note=True) for event in events)
            self._log.tell(AddToLog(entries=entries))

    def state(
        self,
        state: RunState,
        text: str,
        *,
        kill_at: float | None = None,
        runs_already: bool = False,
    ) -> None:
        """The run has come to ``state``."""
        self.add(
            StateChanged(
                state=state,
                text=text,
                title=self._title,
                epochs=self._epochs,
                models=self._models,
                kill_at=kill_at,
                runs_already=runs_already,
            )
        )

    def taken(self, command: str, by: str, step: ControlStep, text: str) -> None:
        """The outcome of a ``command`` of ``by``."""
        self.add(ControlTaken(command=command, by=by, step=step, text=text))

    def warning(self, text: str) -> None:
        """Something is not as it should be."""
        self.add(WarningGiven(text=text))

    def output(self, output: TrainerOutput) -> None:
        """The trainer's output, in events that every client can take."""
        lines: list[str] = []
        size = 0
        for line in output.lines:
            if lines and size + len(line) > EVENT_CHARACTERS:
                self.add(OutputWritten(lines=tuple(lines)))
                lines, size = [], 0
            lines.append(line)
            size += len(line)
        self.add(OutputWritten(lines=tuple(lines), changing=output.changing, until=output.until))
