"""The trainer: its process, its command line, its files and its output."""

from actors.worker.trainer.actor import spawn
from actors.worker.trainer.command import (
    CONTROL_PORT,
    EMBEDDED,
    PROGRESS_PORT,
    has_placeholders,
    is_sleap_nn,
    is_sleap_train,
    is_told_ports,
    with_ports,
)
from actors.worker.trainer.files import checkpoint_folders, epochs_of
from actors.worker.trainer.models import models_of
from actors.worker.trainer.unstarted import INSTALL_ADVICE, INTERPRETER_ADVICE

__all__ = [
    "CONTROL_PORT",
    "EMBEDDED",
    "INSTALL_ADVICE",
    "INTERPRETER_ADVICE",
    "PROGRESS_PORT",
    "checkpoint_folders",
    "epochs_of",
    "has_placeholders",
    "is_sleap_nn",
    "is_sleap_train",
    "is_told_ports",
    "models_of",
    "spawn",
    "with_ports",
]
