"""The standalone worker: runs a training and lets people watch and stop it."""

from typing import TYPE_CHECKING

from actors.lazy_door import lazy_door
from actors.worker.command_line import NO_THREADS, PlanError, greet, parse

if TYPE_CHECKING:
    from actors.worker.exporting import export
    from actors.worker.kept_runs import journal_of, list_runs
    from actors.worker.outputs import consoles
    from actors.worker.plan import plan_of
    from actors.worker.signals import Signals
    from actors.worker.standalone import Standalone

__all__ = [
    "NO_THREADS",
    "PlanError",
    "Signals",
    "Standalone",
    "consoles",
    "export",
    "greet",
    "journal_of",
    "list_runs",
    "parse",
    "plan_of",
]

__getattr__ = lazy_door(
    __name__,
    {
        "exporting": ("export",),
        "kept_runs": ("journal_of", "list_runs"),
        "outputs": ("consoles",),
        "plan": ("plan_of",),
        "signals": ("Signals",),
        "standalone": ("Standalone",),
    },
)
