"""Silence: a command that was not told the worker's ports, and of which nothing connects to them.

A plain object on the worker's thread.
"""

from __future__ import annotations

from typing import Final

from actors.worker.trainer import CONTROL_PORT, PROGRESS_PORT, is_told_ports

CONNECT_TIMEOUT: Final = 30.0
"""Seconds after which nothing is expected to connect: sleap-nn takes 5 to 11."""

TEXT: Final = (
    "no progress is reported: nothing has connected, and the command was not told the ports; "
    f"write {CONTROL_PORT} and {PROGRESS_PORT} into it where it takes them"
)

SLEAP_NN_TEXT: Final = (
    "no progress is reported: nothing has connected, and sleap-nn was not told the ports; write "
    f"++trainer_config.zmq.controller_port={CONTROL_PORT} "
    f"++trainer_config.zmq.publish_port={PROGRESS_PORT} behind its own options"
)
"""Where it stands in a script that the command has in it."""


class Silence:
    """Says once, when it is due, what is missing in ``command``; ``ports`` are those it may have.

    Without ports, and once something has connected, there is nothing to say.
    """

    def __init__(self, command: tuple[str, ...] = (), ports: tuple[int, ...] = ()) -> None:
        self._text = SLEAP_NN_TEXT if any("sleap-nn train" in word for word in command) else TEXT
        self._is_open = bool(ports) and not is_told_ports(command, ports)

    @property
    def is_possible(self) -> bool:
        """Whether there may be something to say."""
        return self._is_open

    def connected(self) -> None:
        """Something has connected."""
        self._is_open = False

    def take_warning(self) -> str | None:
        """What there is to say now."""
        due, self._is_open = self._is_open, False
        return self._text if due else None
