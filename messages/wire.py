"""Data-channel text <-> messages: the only place that knows a prefix. Pure functions.

The prefixes are those of the SLEAP clients: ``PROGRESS_REPORT::`` and ``CR::`` out;
``CONTROL_COMMAND::`` (the current client) and ``ZMQ_CTRL::`` (the older one), ``JOB_STOP`` and
``JOB_CANCEL`` in. A prefix counts only at the start of a text, and what follows it may contain
``::``.
"""

import dataclasses
import enum
import json
import types
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from messages.events import (
    ClockTold,
    ControlTaken,
    OutputWritten,
    ResourcesUsed,
    StateChanged,
    TrainingReport,
    WarningGiven,
    WorkerEvent,
)

PROGRESS_REPORT: Final = "PROGRESS_REPORT::"
CHANGING_LINE: Final = "CR::"
CONTROL_PREFIXES: Final = ("ZMQ_CTRL::", "CONTROL_COMMAND::")

EVENTS_PROTOCOL: Final = "sleap-progress.v1"
"""The sub-protocol of a channel whose client wants the worker's events too."""

EVENT_MARK: Final = "__meta__"
"""The ``what`` of a worker event: every SLEAP client ignores a report whose ``what`` it has not
seen at ``train_begin``."""

_EVENTS: Final[dict[str, type[WorkerEvent]]] = {
    "clock": ClockTold,
    "state": StateChanged,
    "control": ControlTaken,
    "output": OutputWritten,
    "resources": ResourcesUsed,
    "warning": WarningGiven,
    "ended": TrainingReport,
}
_NAMES: Final = {kind: name for name, kind in _EVENTS.items()}

PASSING_EVENTS: Final = ("output", "resources", "control")
"""The names of the events without which a run can be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlText:
    """The client asks for ``command`` to be published to the trainer."""

    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopText:
    """The client asks for the training to be stopped; ``command`` is how it spells that, if so."""

    command: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelText:
    """The client asks for the trainer's process to be ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherText:
    """Any other text of a client: its owner's business."""

    text: str


def encode_report(message: str) -> str:
    """The text that carries the trainer's ``message``, unchanged, to a client."""
    return PROGRESS_REPORT + message


def decode_report(text: str) -> str | None:
    """The trainer's message that ``text`` carries, or None for any other text."""
    return text.removeprefix(PROGRESS_REPORT) if text.startswith(PROGRESS_REPORT) else None


def encode_control(command: str) -> str:
    """The text by which a client asks for ``command``, as the current SLEAP client spells it."""
    return "CONTROL_COMMAND::" + command


def parse_client_text(text: str) -> ControlText | OtherText:
    """What a client's ``text`` asks for."""
    for prefix in CONTROL_PREFIXES:
        if text.startswith(prefix):
            return ControlText(command=text.removeprefix(prefix))
    return OtherText(text=text)


def parse_order(text: str) -> StopText | CancelText | ControlText | OtherText:
    """What a client's ``text`` asks a worker for that runs the trainer itself."""
    match parse_client_text(text):
        case ControlText(command=command) as control:
            return StopText(command=command) if _asks_to_stop(command) else control
        case OtherText(text="JOB_STOP"):
            return StopText(command=None)
        case OtherText(text="JOB_CANCEL"):
            return CancelText()
        case other:
            return other


def _asks_to_stop(command: str) -> bool:
    if command in ("STOP", "stop"):
        return True
    try:
        value = json.loads(command)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("command") == "stop"


def encode_event(event: WorkerEvent) -> str:
    """The JSON of a worker event, to be carried like a report."""
    fields = dataclasses.asdict(event)
    return json.dumps({"what": EVENT_MARK, "event": _NAMES[type(event)], **fields})


def is_marked_as_event(message: str) -> bool:
    """Whether a client that asks for worker events would take ``message`` for one."""
    return _event_fields(message) is not None


def decode_event(message: str) -> WorkerEvent | None:
    """The worker event that ``message`` is the JSON of, or None for a trainer's message."""
    fields = _event_fields(message)
    if fields is None:
        return None
    try:
        kind = _EVENTS[fields.pop("event")]
        del fields["what"]
        event: WorkerEvent = _shaped(fields, kind)
    except (ValueError, KeyError, TypeError):
        return None
    return event


def _event_fields(message: str) -> dict[str, Any] | None:
    if EVENT_MARK not in message and "\\u" not in message:  # it may be spelled with escapes
        return None
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and fields.get("what") == EVENT_MARK else None


def plain_text(note: str) -> str:
    """What a client that does not know worker events is sent for one; nothing but log lines."""
    event = decode_event(note)
    if not isinstance(event, OutputWritten):
        return ""
    if event.changing is not None and not event.lines:
        return CHANGING_LINE + event.changing
    return "".join(f"{line}\n" for line in event.lines)


def _shaped(value: object, hint: Any) -> Any:
    """``value``, as ``json.loads`` gives it, as an instance of ``hint``.

    A hint is a dataclass of such hints, an enumeration, ``tuple[X, ...]``, a union, or str, int,
    float, bool or None. Raises TypeError or ValueError when the value is none.
    """
    origin = typing.get_origin(hint)
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError(f"a list is expected, not {value!r:.100}")
        return tuple(_shaped(item, typing.get_args(hint)[0]) for item in value)
    if origin in (types.UnionType, typing.Union):
        return _one_of(value, typing.get_args(hint))
    if dataclasses.is_dataclass(hint):
        return _instance(value, hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    accepted = (int, float) if hint is float else hint
    # In Python a bool is an int.
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        raise TypeError(f"{hint} is expected, not {value!r:.100}")
    return value


def _one_of(value: object, hints: tuple[Any, ...]) -> Any:
    for hint in hints:
        try:
            return _shaped(value, hint)
        except (TypeError, ValueError):
            continue
    raise TypeError(f"one of {hints} is expected, not {value!r:.100}")


def _instance(value: object, kind: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError(f"an object is expected, not {value!r:.100}")
    hints = _hints(kind)
    unknown = value.keys() - hints.keys()
    if unknown:
        raise TypeError(f"{kind.__name__} has no {sorted(unknown)!r:.100}")
    return kind(**{name: _shaped(item, hints[name]) for name, item in value.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
