"""The standalone worker: runs a training and lets people watch and stop it."""

from typing import TYPE_CHECKING

from actors.lazy_door import lazy_door
from actors.worker.command_line import PlanError, greet, parse, version

if TYPE_CHECKING:
    from actors.worker.exporting import export
    from actors.worker.outputs import consoles
    from actors.worker.plan import Plan, plan_of
    from actors.worker.standalone import Standalone

__all__ = [
    "Plan",
    "PlanError",
    "Standalone",
    "consoles",
    "export",
    "greet",
    "parse",
    "plan_of",
    "version",
]

__getattr__ = lazy_door(
    __name__,
    {
        "Plan": "plan",
        "Standalone": "standalone",
        "consoles": "outputs",
        "export": "exporting",
        "plan_of": "plan",
    },
)
