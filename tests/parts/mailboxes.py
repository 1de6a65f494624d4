"""Mailboxes that do what a mailbox should not."""

import threading

from tests.support.probe import PATIENCE


class Raising:
    """Raises whatever it is told."""

    def __init__(self, error: BaseException | None = None) -> None:
        self._error = error or ValueError("broken mailbox")

    def tell(self, _: object, /) -> None:
        raise self._error


class Gate:
    """Holds its teller up until it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def tell(self, _: object, /) -> None:
        self.entered.set()
        self.opened.wait(PATIENCE)
