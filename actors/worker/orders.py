"""Orders: what people ask of a running training, and its outcome.

A plain object on the worker's thread.
"""

from __future__ import annotations

import enum
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from actors.runtime import Adapter
from messages import (
    TERMINAL,
    ControlHeld,
    ControlPublished,
    ControlRejected,
    ControlReply,
    ControlStep,
    Mailbox,
    Peer,
    RunState,
    RunTraining,
    SendControl,
    StrangerConnected,
    TerminateTrainer,
    asks_to_stop,
    in_words,
)

if TYPE_CHECKING:
    from actors.worker.events import RunEvents

INSTEAD: Final = "--adopt goes on with that training; --any-port starts this one at free ports"
"""What can be done when a stranger reports to the addresses."""

STOP_COMMAND: Final = '{"command": "stop"}'
"""What every SLEAP trainer understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlAnswered:
    """The outcome of a ``command`` of ``by``."""

    command: str
    by: str
    reply: ControlReply


class _Asked(enum.Enum):
    NOTHING = enum.auto()
    STOP = enum.auto()
    """The trainer has been asked to stop, or will be."""
    CANCEL = enum.auto()
    """The training is being ended."""


class Orders:
    """Stops, cancels and commands, each as often as it comes; every step is an event.

    ``me`` gets the answers, to be handed to ``answered``.
    """

    def __init__(
        self, *, run: RunTraining, events: RunEvents, me: Mailbox[ControlAnswered]
    ) -> None:
        self._run = run
        self._events = events
        self._me = me
        self._asked = self._asked_before = _Asked.NOTHING
        self._cancelled_by = TERMINAL
        self._accepted = self._published = False
        self._connected = self._connected_before = False

    @property
    def cancelled(self) -> bool:
        """Whether the training is being, or has been, ended."""
        return self._asked is _Asked.CANCEL

    @property
    def stopped(self) -> bool:
        """Whether the trainer has been asked to stop, and no other has come after it."""
        return self._published

    def stop(self, by: str, command: str) -> None:
        """Ask the trainer to stop, with ``command``; without a control socket, cancel."""
        if self.cancelled:
            self._events.taken(
                "stop", by, ControlStep.REFUSED, "the training is being ended already"
            )
        elif not self._run.gui:
            self.cancel(by)
        else:
            if self._asked is _Asked.NOTHING:
                self._asked, self._accepted, self._published = _Asked.STOP, False, False
                self._events.state(RunState.STOPPING, "the trainer is being asked to stop")
            self.send(by, command)

    def send(self, by: str, command: str) -> None:
        """Have ``command`` published."""
        answers: Mailbox[ControlReply] = Adapter(
            self._me, lambda reply: ControlAnswered(command=command, by=by, reply=reply)
        )
        self._run.supervisor.tell(SendControl(command=command, reply_to=answers))

    def cancel(self, by: str) -> None:
        """End all of the training; the terminal's second order does not wait any more."""
        if self.cancelled and by != TERMINAL:
            self._events.taken(
                "cancel", by, ControlStep.TERMINATING, "the trainer is being ended already"
            )
            return
        grace = self._run.grace
        if not self.cancelled:
            self._asked_before, self._asked = self._asked, _Asked.CANCEL
            self._cancelled_by = by
            text = f"ending the training: KILL follows in {grace:.0f} s, if it takes so long"
            self._events.state(RunState.CANCELLING, text, kill_at=time.time() + grace)
        self._run.trainer.tell(TerminateTrainer(grace=grace))

    # Their outcome

    def answered(self, message: ControlAnswered) -> None:
        """Say the outcome of a command."""
        is_stop = asks_to_stop(message.command)
        name = "stop" if is_stop else message.command[:100]
        match message.reply:
            case ControlHeld():
                self._accepted = self._accepted or is_stop
                text = "the trainer is not ready yet: it receives this as soon as it is"
                text += _alone(message.reply.others)
                self._events.taken(name, message.by, ControlStep.HELD, text)
            case ControlPublished():
                self._accepted = self._accepted or is_stop
                self._published = self._published or is_stop
                text = "the trainer has been asked to stop" if is_stop else "it has been told"
                text += _too(message.reply.others, is_stop=is_stop)
                self._events.taken(name, message.by, ControlStep.SENT, text)
            case ControlRejected():
                text = f"the trainer was not told: {message.reply.reason}"
                self._events.taken(name, message.by, ControlStep.REFUSED, text)
                if is_stop and self._asked is _Asked.STOP and not self._accepted:
                    self._asked = _Asked.NOTHING
                    self._go_on("the training goes on")
            case _:
                assert_never(message.reply)

    def signalled(self, name: str) -> None:
        """Say that the signal ``name`` has been sent."""
        killed = name == signal.SIGKILL.name
        step = ControlStep.KILLING if killed else ControlStep.TERMINATING
        text = f"{name} has been sent to the training"
        self._events.taken("cancel", self._cancelled_by, step, text)

    def refused(self, reason: str) -> None:
        """Note that the training was not signalled, and why."""
        self._events.taken("cancel", self._cancelled_by, ControlStep.REFUSED, reason)
        if self.cancelled:
            self._asked = self._asked_before
            self._go_on("the training goes on")

    def trainer_started(self, text: str) -> None:
        """The process runs; it may have connected, or been asked something, already."""
        self._go_on(text)

    def trainer_connected(self) -> None:
        """A trainer that connects after the one that was asked to stop has not been asked."""
        if self._asked is _Asked.STOP and self._published and self._connected_before:
            self._asked, self._published = _Asked.NOTHING, False
        self._connected = True
        if self._asked is _Asked.NOTHING:
            self._go_on("the trainer has connected")
        self._connected_before = True

    def trainer_disconnected(self) -> None:
        """The training may go on without it, or it is at its end."""
        self._connected = False

    def _go_on(self, text: str) -> None:
        match self._asked:
            case _Asked.CANCEL:
                state = RunState.CANCELLING
            case _Asked.STOP:
                state = RunState.STOPPING
            case _Asked.NOTHING if self._connected or not self._run.gui:
                state = RunState.TRAINING
            case _:
                state = RunState.WAITING
        self._events.state(state, text)


def warning_of(event: StrangerConnected) -> str:
    """What is said of a stranger that has come while the training runs."""
    return (
        f"{event.peer}, has connected to {event.address} and is not of this training: what it "
        "reports is mixed into this run, and a stop reaches it too"
    )


def _alone(others: tuple[Peer, ...]) -> str:
    if not others:
        return ""
    return f"; {in_words(others)}, alone could hear it now, and {_not_ours(others)}"


def _too(others: tuple[Peer, ...], *, is_stop: bool) -> str:
    if not others:
        return ""
    too = "may stop by it too" if is_stop else "may hear it too"
    return f"; {in_words(others)}, {_not_ours(others)} and {too}"


def _not_ours(others: tuple[Peer, ...]) -> str:
    return f"{'is' if len(others) == 1 else 'are'} not of this training"
