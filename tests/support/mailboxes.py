"""Mailboxes that do what a mailbox should not."""

import threading

from tests.support.waiting import PATIENCE


class Raising:
    """Raises whatever it is told."""

    def __init__(self, error: BaseException | None = None) -> None:
        self._error = error or ValueError("broken mailbox")

    def tell(self, _: object, /) -> None:
        raise self._error


class Gate:
    """Parks the actor that answers there, from the answer until ``open``."""

    def __init__(self) -> None:
        self._entered, self._opened = threading.Event(), threading.Event()

    def tell(self, _: object, /) -> None:
        self._entered.set()
        self._opened.wait(PATIENCE)

    @property
    def is_entered(self) -> bool:
        """Whether an actor is or was parked here."""
        return self._entered.is_set()

    def wait(self) -> None:
        """Wait until an actor is parked here."""
        assert self._entered.wait(PATIENCE)

    def open(self) -> None:
        """Let it go on."""
        self._opened.set()
