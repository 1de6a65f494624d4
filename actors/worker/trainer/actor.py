"""The trainer's actor: has a training run, and tells what becomes of it.

It looks at the training again and again, on its own thread. When it ends itself, whatever ends it,
the training goes on.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from actors.runtime import ThreadActor, TypedRef, reply, starter
from actors.worker.keeper import (
    Dispositions,
    Ended,
    Missed,
    NotStarted,
    OutputLog,
    Refused,
    Signalled,
    Start,
    Started,
    Wrote,
    open_door,
)
from actors.worker.trainer.files import checkpoints_since, epochs_logged
from actors.worker.trainer.kept import KeptTraining
from actors.worker.trainer.look import Look
from actors.worker.trainer.memory import OutOfMemoryKills
from actors.worker.trainer.own import OwnTraining
from actors.worker.trainer.source import Source
from actors.worker.trainer.teller import OutputTeller
from actors.worker.trainer.unstarted import Unstarted, why_not_started
from messages import (
    AdoptTrainer,
    ChildDown,
    EpochRead,
    Mailbox,
    StartTrainer,
    TerminateTrainer,
    TrainerExited,
    TrainerLeft,
    TrainerLogged,
    TrainerMessage,
    TrainerNotStarted,
    TrainerRefused,
    TrainerSignalled,
    TrainerStarted,
)

if TYPE_CHECKING:
    from actors.runtime import Cancellable
    from actors.worker.keeper import Event

log = logging.getLogger(__name__)

LOOK_INTERVAL: Final = 0.05
"""Seconds between two looks at a training of which there is no news."""

START_INTERVAL: Final = 0.005
"""The same while it is being started: what follows from its start should not wait."""

LEAVING: Final = 2.0
"""Seconds that a training which is being started may take until it is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """It is time to look at ``source``."""

    source: Source


_Inbox: TypeAlias = TrainerMessage | _Look


class TrainerActor(ThreadActor[TrainerMessage]):
    """Takes ``TrainerMessage``; has one training at a time. ``left`` hears of one that it leaves.

    ``dispositions`` are the signals that a training is to ignore and to block.
    """

    name = "trainer"

    def __init__(
        self,
        *,
        parent: Mailbox[ChildDown],
        left: Mailbox[TrainerLeft] | None = None,
        dispositions: Dispositions | None = None,
    ) -> None:
        super().__init__()
        self.parent = parent
        self._left = left
        self._dispositions = dispositions or Dispositions()
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._timer: Cancellable | None = None
        self._source: Source | None = None
        self._request: StartTrainer | AdoptTrainer
        self._teller: OutputTeller
        self._memory = OutOfMemoryKills()
        self._began = 0.0
        self._pid: int | None = None
        self._ended: Ended | None = None
        self._look: Look[tuple[str, ...] | None] | None = None
        self._log_look: Look[tuple[EpochRead, ...]] | None = None

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case StartTrainer() | AdoptTrainer():
                self._begin(message)
            case TerminateTrainer():
                if self._source is not None:
                    self._source.terminate(message.grace)
            case _Look():
                if message.source is self._source:  # not the one before
                    self._look_at(message.source)
            case _:
                assert_never(message)

    def release(self) -> None:
        """Leave a training that runs alone, and say so."""
        if self._source is None:
            return
        self._await_start(self._source)
        if self._pid is not None and self._ended is None:
            folder = None if self._request.store is None else self._request.store.folder
            reply(self._left, TrainerLeft(pid=self._pid, folder=folder))
        self._forget()

    def _await_start(self, source: Source) -> None:
        """One that is being started is known in a moment; else nobody would name it."""
        until = time.monotonic() + LEAVING
        while self._pid is None and time.monotonic() < until:
            for event in source.news():
                match event:
                    case Started():
                        self._pid = event.pid
                    case NotStarted():
                        return
                    case _:
                        pass
            time.sleep(START_INTERVAL)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._source is not None:
            self._source.release()
        self._source = None

    # Its beginning

    def _begin(self, message: StartTrainer | AdoptTrainer) -> None:
        if self._source is not None:
            reply(message.reply_to, TrainerNotStarted(reason="a trainer runs already"))
            return
        position = message.after if isinstance(message, AdoptTrainer) else 0
        try:
            match message:
                case AdoptTrainer():
                    self._source = KeptTraining.adopt(message.store.folder, position=position)
                case StartTrainer(capture=True):
                    self._source, position = self._kept(message)
                case StartTrainer():
                    self._source = OwnTraining(
                        message.command, dispositions=self._dispositions, variables=_variables()
                    )
        except (OSError, ValueError) as error:
            self._not_started(message, str(error), getattr(error, "errno", 0) or 0)
            return
        self._request = message
        self._teller = OutputTeller(message.reply_to, position=position)
        self._began = message.since if isinstance(message, AdoptTrainer) else time.time()
        self._pid = self._ended = self._look = self._log_look = None
        if isinstance(message, AdoptTrainer):
            self._look_into_log()
        self._look_at(self._source)

    def _kept(self, message: StartTrainer) -> tuple[KeptTraining, int]:
        variables = {"PYTHONUNBUFFERED": "1", **_variables()}
        start = Start(
            command=list(message.command),
            ignored=list(self._dispositions.ignored),
            blocked=list(self._dispositions.blocked),
        )
        store = message.store
        if store is None:
            return KeptTraining.start(start, variables=variables), 0
        written = OutputLog(store.folder)
        start = start._replace(
            folder=str(store.folder.absolute()),
            position=written.ends,
            begins=written.begins,
            limit=store.limit,
            spare=store.spare,
        )
        door = open_door(store.folder)
        try:
            kept = KeptTraining.start(start, variables=variables, folder=store.folder, door=door)
        finally:
            if door is not None:
                door.close()
        return kept, start.position

    def _not_started(self, message: StartTrainer | AdoptTrainer, why: str, number: int) -> None:
        failure = Unstarted()
        if isinstance(message, AdoptTrainer):
            what = message.store.folder.name
        else:
            what = message.command[0]
            failure = why_not_started(what, number)
        reply(
            message.reply_to,
            TrainerNotStarted(
                reason=f"{what} cannot be started: {why}",
                cause=failure.cause,
                advice=failure.advice,
            ),
        )

    # What becomes of it

    def _look_at(self, source: Source) -> None:
        has_news = False
        for event in source.news():
            has_news = True
            self._take(event)
            if self._source is not source:  # it has not started
                return
        self._teller.pause()
        self._finish_when_ended()
        if self._source is source:
            look = _Look(source=source)
            delay = 0.0 if has_news else LOOK_INTERVAL if self._pid is not None else START_INTERVAL
            self._timer = self.actor_inbox.after(delay, lambda: self._me.tell(look))

    def _take(self, event: Event) -> None:
        reply_to = self._request.reply_to
        match event:
            case Started():
                log.info("trainer %d runs", event.pid)
                self._pid = event.pid
                self._memory = OutOfMemoryKills(event.pid)
                reply(reply_to, TrainerStarted(pid=event.pid, keeper=event.keeper or None))
            case NotStarted():
                self._forget()
                self._not_started(self._request, event.reason, event.number)
            case Wrote():
                self._teller.take(event.data, event.until)
            case Missed():
                self._teller.miss(event.until - event.after, event.until)
            case Signalled():
                reply(reply_to, TrainerSignalled(name=event.name))
            case Refused():
                reply(reply_to, TrainerRefused(reason=event.reason))
            case Ended():
                log.info("trainer ended with %s", event.returncode)
                self._ended = event
                self._teller.end()
                folders, port = self._request.checkpoint_folders, self._request.progress_port
                began = self._began
                search = (lambda: checkpoints_since(folders, began, port)) if folders else None
                self._look = Look(search)
            case _:
                assert_never(event)

    def _look_into_log(self) -> None:
        folders, port = self._request.checkpoint_folders, self._request.progress_port
        began = self._began
        self._log_look = Look((lambda: epochs_logged(folders, began, port)) if folders else None)

    def _tell_log(self) -> None:
        if self._log_look is None or not self._log_look.is_over:
            return
        epochs, self._log_look = self._log_look.found, None
        if epochs:
            reply(self._request.reply_to, TrainerLogged(epochs=epochs))

    def _finish_when_ended(self) -> None:
        self._tell_log()
        if self._log_look is not None:
            return
        if self._ended is None or self._look is None or not self._look.is_over:
            return
        ended, reply_to = self._ended, self._request.reply_to
        self._forget()
        reply(
            reply_to,
            TrainerExited(
                returncode=ended.returncode,
                checkpoints=self._look.found,
                out_of_memory=not ended.cancelled and self._memory.happened(),
                cancelled=ended.cancelled,
                left=tuple(ended.left),
            ),
        )


def _variables() -> dict[str, str]:
    """The environment of the training."""
    return dict(os.environ)


spawn = starter(TrainerActor)
