"""Children: the control socket's and the listener's actor, as the supervisor has them.

A plain object on the supervisor's thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors import control_socket, progress_listener
from messages import FollowRun

if TYPE_CHECKING:
    import asyncio

    from actors.progress_log import ProgressLog
    from actors.scheduler import Scheduler
    from actors.settings import ReporterSettings
    from actors.typed_ref import TypedRef
    from messages import (
        ChildDown,
        ControlSocketMessage,
        Mailbox,
        ProgressListenerMessage,
        ProgressSocketMade,
        TrainerConnected,
        TrainerDisconnected,
    )

CONTROL: Final = control_socket.ControlSocketActor.name
LISTENER: Final = progress_listener.ProgressListenerActor.name


class Children:
    """Starts both actors, and starts one again when it has crashed."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        me: Mailbox[ChildDown | TrainerConnected | TrainerDisconnected | ProgressSocketMade],
        progress_log: ProgressLog,
        scheduler: Scheduler,
        settings: ReporterSettings,
    ) -> None:
        self._loop = loop
        self._me = me
        self._log = progress_log
        self._scheduler = scheduler
        self._settings = settings
        self.control: TypedRef[ControlSocketMessage]
        self.listener: TypedRef[ProgressListenerMessage]

    def start(self) -> FollowRun:
        """Start both; what the clients are to follow."""
        self.control = self._spawn_control()
        self.listener = self._spawn_listener()
        return self.run()

    def replace(self, child: str) -> FollowRun:
        """Start ``child`` again; what the clients are to follow from here on."""
        if child == CONTROL:
            self.control = self._spawn_control()
        elif not self._loop.is_closed():
            self.listener = self._spawn_listener()
        return self.run()

    def run(self) -> FollowRun:
        """What the clients are to follow."""
        return FollowRun(listener=self.listener, control=self.control)

    def end(self) -> None:
        """Have both end; each tells ``ChildDown``."""
        self.listener.end()
        self.control.end()

    def _spawn_control(self) -> TypedRef[ControlSocketMessage]:
        return control_socket.spawn(
            parent=self._me, scheduler=self._scheduler, settings=self._settings
        )

    def _spawn_listener(self) -> TypedRef[ProgressListenerMessage]:
        return progress_listener.spawn(
            loop=self._loop,
            parent=self._me,
            progress_log=self._log,
            settings=self._settings,
        )
