"""The progress reporter as an actor system: ``spawn_supervisor``, then talk in messages."""

import logging

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

logging.getLogger(__name__).addHandler(logging.NullHandler())
