"""Children: the control socket's and the listener's actor, as the supervisor has them.

A plain object on the supervisor's thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from actors import control_socket, progress_listener
from actors.control_socket import StopInForce
from actors.progress_listener import ENDED, ProgressLog
from actors.runtime import reply
from messages import AddedToLog, AddToLog, AwaitNextTrainer, FollowRun, ForgetStop, KnowTrainer

if TYPE_CHECKING:
    import asyncio

    from actors.runtime import Scheduler, TypedRef
    from actors.settings import ReporterSettings
    from messages import ControlSocketMessage, Mailbox, ProgressListenerMessage

CONTROL: Final = control_socket.ControlSocketActor.name
LISTENER: Final = progress_listener.ProgressListenerActor.name

ADDED_AT_ONCE: Final = 500
"""Entries that are added to the log in one turn of the event loop: it takes 2 ms."""

ChildEvent: TypeAlias = control_socket.ParentEvent | progress_listener.ParentEvent
"""What they tell their parent; ``ChildDown`` is the last that one of them tells."""


@dataclass(eq=False, slots=True, kw_only=True)
class Children:
    """Starts both actors, and starts one again when it has crashed.

    The run's log goes from a listener that has ended to its successor, and is nobody else's; so
    does the stop that is in force from one control socket's actor to the next.
    """

    loop: asyncio.AbstractEventLoop
    parent: Mailbox[ChildEvent]
    scheduler: Scheduler | None
    settings: ReporterSettings
    trainers: frozenset[int | None] = frozenset()
    """Those of the ``KnowTrainer`` that the job has been told, with None any process."""
    control: TypedRef[ControlSocketMessage] = field(init=False)
    listener: TypedRef[ProgressListenerMessage] = field(init=False)
    _log: ProgressLog = field(init=False)
    _stop_in_force: StopInForce = field(default_factory=StopInForce)
    _alive: dict[str, TypedRef[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the run's log."""
        self._log = ProgressLog(limit=self.settings.log_limit, max_bytes=self.settings.log_bytes)

    @property
    def run(self) -> FollowRun:
        """What the clients are to follow."""
        return FollowRun(listener=self.listener, control=self.control)

    def start(self, child: str, *, reopens: bool = False) -> None:
        """Start ``child``; with ``reopens`` its socket is opened where a former's was."""
        if child == CONTROL:
            self._alive[child] = self.control = control_socket.spawn(
                parent=self.parent,
                scheduler=self.scheduler,
                settings=self.settings,
                stop_in_force=self._stop_in_force,
                reopens=reopens,
            )
        else:
            self._alive[child] = self.listener = progress_listener.spawn(
                loop=self.loop,
                parent=self.parent,
                progress_log=self._log,
                settings=self.settings,
            )

    def tell(self, child: str, message: Any) -> None:
        """Tell the actor of ``child``."""
        ref: TypedRef[Any] = self.control if child == CONTROL else self.listener
        ref.tell(message)

    def know_trainer(self, message: KnowTrainer) -> None:
        """Tell both; until the job's end their successors are told, too."""
        self.trainers |= {message.pid}
        self.control.tell(message)
        self.listener.tell(message)

    def forget_stop(self, told: AwaitNextTrainer | ForgetStop) -> None:
        """No trainer that joins from now on is told to stop."""
        if not self.control.try_tell(told):
            self._stop_in_force.text = None  # it has ended, and has no successor yet

    def add_to_log(self, message: AddToLog) -> None:
        """Have the listener add the entries, some of them in each turn of the event loop."""
        entries = message.entries
        begins = range(0, len(entries), ADDED_AT_ONCE) or (0,)
        for begin in begins:
            piece = entries[begin : begin + ADDED_AT_ONCE]
            reply_to = message.reply_to if begin == begins[-1] else None
            added = AddToLog(entries=piece, reply_to=reply_to)
            if self.loop.is_closed() or not self.listener.try_tell(added):
                reply(message.reply_to, AddedToLog(reason=ENDED))
                return

    def end(self) -> None:
        """Have both end; each tells ``ChildDown``."""
        for ref in self._alive.values():
            ref.request_stop()

    def forget(self, child: str) -> None:
        """It has ended."""
        self._alive.pop(child, None)

    @property
    def any_alive(self) -> bool:
        """Whether one of them has not ended."""
        return bool(self._alive)
