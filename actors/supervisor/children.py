"""Children: the control socket's and the listener's actor, as the supervisor has them.

A plain object on the supervisor's thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from actors import control_socket, progress_listener
from actors.runtime import Adapter
from messages import (
    ChildDown,
    FollowRun,
    ListeningFailed,
    ProgressSocketMade,
    TrainerConnected,
    TrainerDisconnected,
)

if TYPE_CHECKING:
    import asyncio

    from actors.progress_listener import ProgressLog
    from actors.runtime import Scheduler, TypedRef
    from actors.settings import ReporterSettings
    from messages import ControlSocketMessage, Mailbox, ProgressListenerMessage

CONTROL: Final = control_socket.ControlSocketActor.name
LISTENER: Final = progress_listener.ProgressListenerActor.name


ChildEvent: TypeAlias = (
    ChildDown | TrainerConnected | TrainerDisconnected | ProgressSocketMade | ListeningFailed
)
"""What the children tell by themselves."""


@dataclass(frozen=True, slots=True)
class FromChild:
    """What the child's actor number ``serial`` has told its parent."""

    serial: int
    event: ChildEvent


class Children:
    """Starts both actors, and starts one again when it has crashed."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        me: Mailbox[FromChild],
        progress_log: ProgressLog,
        scheduler: Scheduler,
        settings: ReporterSettings,
    ) -> None:
        self._loop = loop
        self._me = me
        self._log = progress_log
        self._scheduler = scheduler
        self._settings = settings
        self._serial = self._control_serial = self._listener_serial = 0
        self.control: TypedRef[ControlSocketMessage]
        self.listener: TypedRef[ProgressListenerMessage]

    def start(self) -> FollowRun:
        """Start both; what the clients are to follow."""
        self.control = self._spawn_control()
        try:
            self.listener = self._spawn_listener()
        except BaseException:
            self.control.end()
            raise
        return self.run()

    def replace(self, child: str) -> FollowRun:
        """Start ``child`` again, in place of one that crashed or does not answer any more."""
        if child == CONTROL:
            self.control.end()
            self.control = self._spawn_control()
        elif not self._loop.is_closed():
            self.listener.end()
            self.listener = self._spawn_listener()
        return self.run()

    def current(self, message: FromChild) -> bool:
        """Whether ``message`` is not of a child that has been replaced."""
        return message.serial in (self._control_serial, self._listener_serial)

    def serial_of(self, child: str) -> int:
        """The number of the actor that is ``child``."""
        return self._control_serial if child == CONTROL else self._listener_serial

    def run(self) -> FollowRun:
        """What the clients are to follow."""
        return FollowRun(listener=self.listener, control=self.control)

    def end(self) -> None:
        """Have both end; each tells ``ChildDown``."""
        self.listener.end()
        self.control.end()

    def _spawn_control(self) -> TypedRef[ControlSocketMessage]:
        self._control_serial = serial = self._next_serial()
        return control_socket.spawn(
            parent=Adapter(self._me, lambda event: FromChild(serial, event)),
            scheduler=self._scheduler,
            settings=self._settings,
        )

    def _spawn_listener(self) -> TypedRef[ProgressListenerMessage]:
        self._listener_serial = serial = self._next_serial()
        return progress_listener.spawn(
            loop=self._loop,
            parent=Adapter(self._me, lambda event: FromChild(serial, event)),
            progress_log=self._log,
            settings=self._settings,
        )

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial
