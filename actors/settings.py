"""ReporterSettings: all that may be set, each with its unit."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ControlEncoding(enum.Enum):
    """What is published for a client's control text."""

    VERBATIM = "verbatim"
    """The text as it came: ``STOP`` is published as ``STOP``."""
    SLEAP_NN = "sleap-nn"
    """What a sleap-nn trainer understands: ``STOP``, ``stop`` and ``{"command": "stop"}`` become
    ``{"command": "stop"}``, other JSON objects with a ``command`` pass as plain JSON, and
    everything else is refused, since it would crash the training."""


class PortConflict(enum.Enum):
    """What becomes of a TCP address that is in use."""

    FAIL = "fail"
    """Reporting does not start; the reason names the address and who uses it."""
    FREE = "free"
    """A free port of the same interface is taken, and ``ReportingReady`` says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReporterSettings:
    """The reporter's settings; the defaults are those of the requirement text where it has one."""

    control_address: str | None = "tcp://127.0.0.1:9000"
    """Where the PUB socket is bound; ``tcp://127.0.0.1:*`` takes a free port, None makes none."""

    progress_address: str | None = "tcp://127.0.0.1:9001"
    """Where the SUB socket is bound; ``tcp://127.0.0.1:*`` takes a free port, None makes none."""

    on_port_conflict: PortConflict = PortConflict.FAIL

    poll_interval: float = 0.05
    """Seconds of ``asyncio.sleep`` between two empty polls; an arriving message ends it early."""

    connect_wait: float = 1.0
    """Seconds from the binding of the sockets to ``ReportingReady``."""

    gather_interval: float = 0.005
    """Seconds of rest before the next poll when messages come faster than this: it is not there
    below 100 a second, and at 1,000 it saves more than half of the CPU time."""

    drain_timeout: float = 5.0
    """Seconds that receiving what the trainer has still sent, and giving the clients what is
    left, may take together at a stop."""

    settle_time: float = 0.05
    """Seconds from the trainer's handshake to the first control message: at the handshake itself
    half of them are lost, a millisecond later none."""

    log_limit: int = 100_000
    """Reports that the log holds; beyond, the oldest batch reports leave it. Of a sleap-nn training
    they are 40 MB of text, which take 4 MB of memory."""

    log_bytes: int = 64 * 1024 * 1024
    """Bytes of text that the log holds."""

    channel_high_water: int = 16 * 1024
    """Bytes that may wait in a client's channel; a larger report waits there alone."""

    page_messages: int = 16
    """Reports that are handed to a channel in one turn of the event loop."""

    control_encoding: ControlEncoding = ControlEncoding.VERBATIM

    def __post_init__(self) -> None:
        """Raise ValueError for a number that makes no sense."""
        for name in ("poll_interval", "drain_timeout"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0 seconds")
        for name in ("connect_wait", "gather_interval", "settle_time"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 seconds or more")
        for name in ("log_limit", "log_bytes", "channel_high_water", "page_messages"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
