"""What every actor needs: release on every exit, mailboxes that never raise, time, limits."""

from actors.runtime.base import ThreadActor, starter
from actors.runtime.inbox import Cancellable, Inbox, Scheduler
from actors.runtime.loop_actor import LOOP_CLOSED, LoopActor
from actors.runtime.one_thread import OneThread
from actors.runtime.rate_limit import LINES, LINES_RATE, FewLines, TokenBucket
from actors.runtime.trial import threads_given
from actors.runtime.typed_ref import (
    Adapter,
    FutureMailbox,
    TypedRef,
    refuse_on_event_loop,
    reply,
)

__all__ = [
    "LINES",
    "LINES_RATE",
    "LOOP_CLOSED",
    "Adapter",
    "Cancellable",
    "FewLines",
    "FutureMailbox",
    "Inbox",
    "LoopActor",
    "OneThread",
    "Scheduler",
    "ThreadActor",
    "TokenBucket",
    "TypedRef",
    "refuse_on_event_loop",
    "reply",
    "starter",
    "threads_given",
]
