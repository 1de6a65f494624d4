"""The progress reporter as an actor system: ``spawn_supervisor``, then talk in messages."""

import logging
from typing import TYPE_CHECKING

from actors.lazy_door import lazy_door

if TYPE_CHECKING:
    from actors.client_channel import ClientChannelActor, attach
    from actors.control_socket import ControlSocketActor
    from actors.progress_listener import ProgressListenerActor, ProgressLog
    from actors.reporter import ProgressReporter
    from actors.runtime import Cancellable, Scheduler, TypedRef
    from actors.settings import ControlEncoding, PortConflict, ReporterSettings
    from actors.supervisor import SupervisorActor, SupervisorRef, spawn_supervisor

__all__ = [
    "Cancellable",
    "ClientChannelActor",
    "ControlEncoding",
    "ControlSocketActor",
    "PortConflict",
    "ProgressListenerActor",
    "ProgressLog",
    "ProgressReporter",
    "ReporterSettings",
    "Scheduler",
    "SupervisorActor",
    "SupervisorRef",
    "TypedRef",
    "attach",
    "spawn_supervisor",
]

__getattr__ = lazy_door(
    __name__,
    {
        "client_channel": ("ClientChannelActor", "attach"),
        "control_socket": ("ControlSocketActor",),
        "progress_listener": ("ProgressListenerActor", "ProgressLog"),
        "reporter": ("ProgressReporter",),
        "runtime": ("Cancellable", "Scheduler", "TypedRef"),
        "settings": ("ControlEncoding", "PortConflict", "ReporterSettings"),
        "supervisor": ("SupervisorActor", "SupervisorRef", "spawn_supervisor"),
    },
)

logging.getLogger(__name__).addHandler(logging.NullHandler())
