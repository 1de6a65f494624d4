"""What all actors of the reporter share: release on every exit, and the last word to the parent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pykka

from messages import ChildDown

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

    from messages import Mailbox

log = logging.getLogger(__name__)


class ReporterActor(pykka.Actor):
    """Mixed into a Pykka actor: calls ``release`` once at its end, then tells ``ChildDown``.

    Pykka calls ``on_stop`` after an orderly stop and ``on_failure`` after a crash, never both for
    one exit; both run on the thread that the actor runs on.
    """

    name: str
    parent: Mailbox[ChildDown]

    def release(self) -> Future[None] | None:
        """Close what the actor owns, also when some of it is closed already.

        What takes longer is answered with a future: ``ChildDown`` waits for it.
        """
        raise NotImplementedError

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

    def _end(self, reason: str | None) -> None:
        down = ChildDown(child=self.name, reason=reason)
        try:
            released = self.release()
        except Exception:
            log.exception("%s could not release all that it owned", self.name)
            released = None
        if released is None:
            self.parent.tell(down)
        else:
            released.add_done_callback(lambda _: self.parent.tell(down))
