"""What every actor needs: release on every exit, mailboxes that never raise, time."""

from actors.runtime.base import ReporterActor
from actors.runtime.loop_actor import LoopActor
from actors.runtime.scheduler import Cancellable, Scheduler, ThreadScheduler
from actors.runtime.typed_ref import Adapter, Answer, TypedRef, deliver, refuse_on_event_loop

__all__ = [
    "Adapter",
    "Answer",
    "Cancellable",
    "LoopActor",
    "ReporterActor",
    "Scheduler",
    "ThreadScheduler",
    "TypedRef",
    "deliver",
    "refuse_on_event_loop",
]
