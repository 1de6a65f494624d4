"""What all actors of the reporter share: release on every exit, and the last word to the parent."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

import pykka

from actors.runtime.inbox import Inbox, Timer
from actors.runtime.typed_ref import TypedRef
from actors.settings import shown
from messages import ChildDown

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import TracebackType

    from messages import Mailbox

log = logging.getLogger(__name__)

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)
P = ParamSpec("P")


class ReporterActor(pykka.Actor, Generic[M_contra]):
    """A Pykka actor that takes ``M_contra``, and ends in one way whatever ends it.

    Its inbox is closed, ``release`` is called, each message that was left is given to
    ``turn_away``, and the parent receives ``ChildDown``: once, on the actor's thread or on the one
    that finishes what ``release`` has begun. Pykka calls ``on_stop`` after an orderly stop and
    ``on_failure`` after a crash.
    """

    name: str
    parent: Mailbox[ChildDown]
    actor_inbox: Inbox

    @staticmethod
    def _create_actor_inbox() -> Inbox:
        return Inbox()

    def set_up(self) -> None:
        """What is to be done before the first message."""

    def release(self) -> Future[None] | None:
        """Close what the actor owns, also when some of it is closed already.

        What takes longer is answered with a future: ``ChildDown`` waits for it.
        """

    def turn_away(self, message: Any) -> None:
        """Answer ``message``, which came too late to be handled."""

    def on_receive(self, message: M_contra) -> None:
        """Handle one message."""
        raise NotImplementedError

    def on_start(self) -> None:
        """Set up; Pykka calls neither ``on_stop`` nor ``on_failure`` when this raises."""
        try:
            self.set_up()
        except Exception as error:
            self._end(repr(error))
            raise

    def on_stop(self) -> None:
        """Release after an orderly stop."""
        self._end(None)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release after a crash."""
        del exception_type, traceback
        self._end(repr(exception_value))

    def _end(self, reason: str | None) -> bool:
        """End; False when the actor has ended before."""
        left = self.actor_inbox.close()
        if left is None:
            return False
        released = self._do_or_log(self.release)
        for message in left:
            self._do_or_log(partial(self.turn_away, message))
        down = ChildDown(child=self.name, reason=reason)
        if released is None:
            self.parent.tell(down)
        else:
            released.add_done_callback(lambda _: self.parent.tell(down))
        return True

    def _do_or_log(self, act: Callable[[], M]) -> M | None:
        try:
            return act()
        except Exception:
            log.exception("%s could not release all that it owned", self.name)
            return None

    def _handle_receive(self, message: Any) -> Any:
        try:
            is_timer = isinstance(message, Timer)
        except Exception as error:  # a lazy proxy's class is that of what it stands for
            log.error("a %s is passed over: it raises %s", type(message).__name__, shown(error))
            return None
        try:
            if is_timer:
                return message.fire() if message.fire is not None else None
            return super()._handle_receive(message)
        except Exception:
            raise
        except BaseException as interrupt:
            # Pykka would stop every actor of the process, the host's too: this one fails alone.
            self.interrupted(interrupt)
            raise RuntimeError(f"interrupted by {interrupt!r}") from interrupt

    def interrupted(self, interrupt: BaseException) -> None:
        """Note that a handler was left by ``interrupt``, a SystemExit say."""


class ThreadActor(ReporterActor[M_contra], pykka.ThreadingActor):
    """An actor on a thread of its own, a daemon: a host that forgets to stop it can still exit."""

    use_daemon_thread = True


def starter(actor: Callable[P, ReporterActor[M]]) -> Callable[P, TypedRef[M]]:
    """A typed front door for the class ``actor``: Pykka's own ``start`` takes anything."""
    kind = cast("type[pykka.Actor]", actor)

    def spawn(*args: P.args, **kwargs: P.kwargs) -> TypedRef[M]:
        return TypedRef(kind.start(*args, **kwargs))

    return spawn
