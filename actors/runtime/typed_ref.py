"""TypedRef: a typed mailbox over a Pykka ActorRef whose ``tell`` never raises.

``reply`` does the same for a mailbox that somebody else has made.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future, InvalidStateError
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable

    from messages import Mailbox

log = logging.getLogger(__name__)

M_contra = TypeVar("M_contra", contravariant=True)
M = TypeVar("M")
N = TypeVar("N")
R = TypeVar("R")


class TypedRef(Generic[M_contra]):
    """The mailbox of an actor that takes ``M_contra``.

    ``tell`` may be called from any thread. ``ask`` and ``stop`` wait, so they are for the edge
    alone (tests, a facade, the command line) and never for a thread that runs an event loop.
    """

    __slots__ = ("_ref",)

    def __init__(self, ref: pykka.ActorRef[Any]) -> None:
        self._ref = ref

    def __repr__(self) -> str:
        return f"<TypedRef of {self._ref.actor_class.__name__}>"

    def tell(self, message: M_contra, /) -> None:
        """Put ``message`` into the actor's inbox; a dead actor's message is a DEBUG line."""
        self.try_tell(message)

    def try_tell(self, message: M_contra, /) -> bool:
        """Tell ``message``; False when the actor has ended."""
        try:
            self._ref.tell(message)
        except pykka.ActorDeadError:
            log.debug("dead letter to %r: %r", self, message)
            return False
        return True

    def ask(self, make: Callable[[Mailbox[R]], M_contra], /, *, timeout: float) -> R:
        """The answer to the message that ``make`` builds around the ``reply_to`` it is given.

        Raises TimeoutError after ``timeout`` seconds without an answer, and RuntimeError on a
        thread that runs an event loop.
        """
        refuse_on_event_loop("ask")
        answer: FutureMailbox[R] = FutureMailbox()
        self.tell(make(answer))
        try:
            return answer.future.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"no answer from {self!r} within {timeout} s") from None

    def request_stop(self) -> None:
        """Have the actor end after what its inbox holds; returns at once, from any thread."""
        try:
            self._ref.stop(block=False)
        except pykka.ActorDeadError:
            log.debug("%r has ended already", self)

    reaches, end = try_tell, request_stop
    """Their names before 0.2."""

    def stop(self, *, timeout: float) -> bool:
        """End the actor after what its inbox holds; True when it ended within ``timeout`` seconds.

        Raises RuntimeError on a thread that runs an event loop.
        """
        refuse_on_event_loop("stop")
        try:
            return bool(self._ref.stop(block=True, timeout=timeout))
        except (pykka.Timeout, pykka.ActorDeadError):
            return False


class Adapter(Generic[M, N]):
    """A mailbox that passes each message on to another one, wrapped as ``wrap`` does it."""

    __slots__ = ("_mailbox", "_wrap")

    def __init__(self, mailbox: Mailbox[N], wrap: Callable[[M], N]) -> None:
        self._mailbox = mailbox
        self._wrap = wrap

    def tell(self, message: M, /) -> None:
        """Pass ``message`` on, wrapped."""
        self._mailbox.tell(self._wrap(message))


class FutureMailbox(Generic[M]):
    """A mailbox for one message, which is the result of ``future``; what comes after it is lost.

    ``future.result(timeout)`` waits for it on a thread, ``asyncio.wrap_future`` on an event loop.
    """

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: Future[M] = Future()

    def tell(self, message: M, /) -> None:
        """Take ``message`` unless one has come before."""
        try:
            self.future.set_result(message)
        except InvalidStateError:
            log.debug("an answer that nobody waits for: %r", message)


def refuse_on_event_loop(what: str) -> None:
    """Raise RuntimeError when the calling thread runs an event loop, which ``what`` would block."""
    if running_loop() is not None:
        raise RuntimeError(
            f"{what}() waits and would block the event loop: "
            f"call it in a thread, e.g. await asyncio.to_thread(ref.{what}, timeout=5.0)"
        )


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that the calling thread runs."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def reply(mailbox: Mailbox[M] | None, message: M) -> None:
    """Tell a mailbox of somebody else's making, if any: what it raises is an error in the log.

    But for Ctrl-C, which Python raises on the main thread wherever that is.
    """
    if mailbox is None:
        return
    try:
        mailbox.tell(message)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and (
            threading.current_thread() is threading.main_thread()
        ):
            raise
        log.exception("a mailbox raised when it was told %r", message)
