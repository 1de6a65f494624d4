"""The keeper: a process that keeps a training, and what a worker needs to talk to it."""

from pathlib import Path
from typing import Final

from actors.worker.keeper.dispositions import ENDING, Dispositions, name_of, number_of
from actors.worker.keeper.door import knock, open_door
from actors.worker.keeper.files import (
    EXIT,
    HEARTBEAT,
    KEEPER,
    NAMESPACE,
    OLDER,
    OUTPUT,
    SOCKET,
    open_folder,
    replace_fields,
)
from actors.worker.keeper.log import OutputLog, end_of, fields_of
from actors.worker.keeper.processes import every_process, identity, namespace, reap
from actors.worker.keeper.talk import (
    Attach,
    Ended,
    Event,
    Listener,
    Missed,
    NotStarted,
    NotUnderstoodError,
    Order,
    Refused,
    Signalled,
    Start,
    Started,
    Terminate,
    Wrote,
    said,
)
from actors.worker.keeper.training import Training

PROGRAM: Final = Path(__file__).parent
"""The keeper's program: a folder that Python runs."""

__all__ = [
    "ENDING",
    "EXIT",
    "HEARTBEAT",
    "KEEPER",
    "NAMESPACE",
    "OLDER",
    "OUTPUT",
    "PROGRAM",
    "SOCKET",
    "Attach",
    "Dispositions",
    "Ended",
    "Event",
    "Listener",
    "Missed",
    "NotStarted",
    "NotUnderstoodError",
    "Order",
    "OutputLog",
    "Refused",
    "Signalled",
    "Start",
    "Started",
    "Terminate",
    "Training",
    "Wrote",
    "end_of",
    "every_process",
    "fields_of",
    "identity",
    "knock",
    "name_of",
    "namespace",
    "number_of",
    "open_door",
    "open_folder",
    "reap",
    "replace_fields",
    "said",
]
