"""ReporterSettings: all that may be set, each with its unit."""

from __future__ import annotations

import dataclasses
import enum
import math
import numbers
import sys
from dataclasses import dataclass
from typing import Final, TypeGuard

LONGEST: Final = 24 * 3600.0
"""Seconds: a wait of more than a day is a mistake, and a timer cannot hold much more."""

_MORE_THAN_0: Final = ("poll_interval", "drain_timeout", "open_timeout")


class ControlEncoding(enum.Enum):
    """What is published for a client's control text."""

    VERBATIM = "verbatim"
    """The text as it came: ``STOP`` is published as ``STOP``."""
    SLEAP_NN = "sleap-nn"
    """What a SLEAP trainer understands: every spelling of stop is published as
    ``{"command": "stop"}``, ``{"command": "set_lr", "lr": 0.001}`` passes with one finite number
    above 0, and everything else is refused, since it may crash the training."""


class PortConflict(enum.Enum):
    """What is done about a TCP address that is in use."""

    FAIL = "fail"
    """Reporting does not start; the reason names the address and who uses it."""
    FREE = "free"
    """A free port of the same interface is taken, and ``ReportingReady`` says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReporterSettings:
    """The reporter's settings; the defaults are those of the requirement text where it has one.

    A value of a wrong type raises TypeError, one that makes no sense ValueError; both name the
    field, the value and what is expected. Of an enumeration, its value is taken too.
    """

    control_address: str | None = "tcp://127.0.0.1:9000"
    """Where the PUB socket is bound; ``tcp://127.0.0.1:*`` takes a free port, None makes none."""

    progress_address: str | None = "tcp://127.0.0.1:9001"
    """Where the SUB socket is bound; ``tcp://127.0.0.1:*`` takes a free port, None makes none."""

    on_port_conflict: PortConflict = PortConflict.FAIL

    poll_interval: float = 0.05
    """Seconds of ``asyncio.sleep`` between two empty polls; an arriving message ends it early."""

    connect_wait: float = 1.0
    """Seconds from the binding of the sockets to ``ReportingReady``."""

    gather_interval: float = 0.016
    """Seconds that reports are gathered when they come one after another, less than two of these
    apart: a training's pairs, the end of a batch and the beginning of the next, are taken together,
    and at 100 a second one or two. Each waits so long at most. It saves a third of the CPU time; a
    single report goes at once. From 500 a second on it is three times as long."""

    drain_timeout: float = 5.0
    """Seconds that receiving what the trainer has still sent, and giving the clients what is
    left, may take together at a stop. The clients have a quarter of a second at least."""

    settle_time: float = 0.05
    """Seconds from the trainer's handshake to the first control message: at the handshake itself
    half of them are lost, a millisecond later none."""

    open_timeout: float = 30.0
    """Seconds that a client's channel may take to open; after that the client is gone."""

    log_limit: int = 100_000
    """Entries that the log holds of each kind: of those that pass (batch reports, and of the
    worker's events those in ``PASSING_EVENTS``), and of all others. Beyond, the oldest of the kind
    leave it. Of a sleap-nn training, 100,000 are 40 MB of text, which take 4 MB of memory."""

    log_bytes: int = 64 * 1024 * 1024
    """Bytes of text that the log holds, half of it for each kind."""

    channel_high_water: int = 16 * 1024
    """Bytes that may wait in a client's channel; a larger report waits there alone."""

    page_messages: int = 16
    """Reports that are handed to a channel in one turn of the event loop; to a page's, which takes
    them as one text, 16 times as many."""

    control_encoding: ControlEncoding = ControlEncoding.VERBATIM

    def __post_init__(self) -> None:
        """Check each field, and make it what it says it is."""
        for field in dataclasses.fields(self):
            value = _checked(field.name, field.default, getattr(self, field.name))
            object.__setattr__(self, field.name, value)


def settings_of(settings: ReporterSettings | None) -> ReporterSettings:
    """``settings``, or the default ones for None. Raises TypeError for anything else."""
    if settings is None:
        return ReporterSettings()
    if not isinstance(settings, ReporterSettings):
        raise TypeError(f"settings must be ReporterSettings, not {shown(settings)}")
    return settings


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite number, of whatever type; True and False are none."""
    try:
        return not isinstance(value, bool) and (
            isinstance(value, numbers.Real) and math.isfinite(float(value))
        )
    except OverflowError:  # of an integer
        return False


def shown(value: object) -> str:
    """``value`` for the text of an error, whatever it does when it is looked at."""
    try:
        return f"{value!r:.100}"
    except Exception:
        return f"a {type(value).__name__}"


def _checked(name: str, default: object, value: object) -> object:
    """``value`` as a field whose default is ``default`` has it."""
    match default:
        case enum.Enum():
            kind = type(default)
            if isinstance(value, kind):
                return value
            try:  # another object than text may raise anything
                return kind(value if isinstance(value, str) else None)
            except ValueError:
                expected = f"one of {[member.value for member in kind]}"
                raise _refusal(name, value, expected, str) from None
        case float():
            return seconds(name, value)
        case int():
            count = value if isinstance(value, numbers.Integral) else 0
            if not isinstance(value, bool) and 1 <= int(count) <= sys.maxsize:
                return int(count)
            expected = "at least 1, a whole number, and not more than there can be in memory"
            raise _refusal(name, value, expected, numbers.Integral)
        case _:
            if value is None or (isinstance(value, str) and value.isprintable()):
                return value
            raise _refusal(name, value, "an address such as 'tcp://127.0.0.1:9000', or None", str)


def seconds(name: str, value: object) -> float:
    """``value`` as a time to wait that is called ``name``. Raises TypeError or ValueError."""
    least = "more than 0 seconds" if name in _MORE_THAN_0 else "0 seconds or more"
    if is_number(value) and 0 <= value <= LONGEST and (value or name not in _MORE_THAN_0):
        return float(value)
    raise _refusal(name, value, f"{least}, at most {LONGEST:.0f}", numbers.Real)


def _refusal(name: str, value: object, expected: str, kind: type) -> Exception:
    wrong_type = isinstance(value, bool) or not isinstance(value, kind)
    error = TypeError if wrong_type else ValueError
    return error(f"{name} must be {expected}, not {shown(value)}")
