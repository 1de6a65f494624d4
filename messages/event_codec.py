"""Worker events <-> the text that stands in the run's log. Pure functions.

An event is a JSON object with ``"what": "__meta__"``, which sleap-nn never sends, and its name as
``event``.
"""

import dataclasses
import enum
import json
import types
import typing
from functools import cache
from typing import Any, Final

from messages.events import (
    AttemptBegan,
    ClockTold,
    ControlTaken,
    EpochRead,
    OutputWritten,
    ResourcesUsed,
    StateChanged,
    TrainingReport,
    WarningGiven,
    WorkerBegan,
    WorkerEvent,
)

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
    "attempt": AttemptBegan,
    "worker": WorkerBegan,
    "epoch": EpochRead,
    "ended": TrainingReport,
}
_INT_LIMIT: Final = 2**63
"""A whole number of an event is below it: one of thousands of digits cannot be written as text."""

_NAMES: Final = {kind: name for name, kind in _EVENTS.items()}

PASSING_EVENTS: Final = ("output", "resources", "control")
"""The names of the events that a reader can do without: they leave the log first."""


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
    if isinstance(value, int) and abs(value) >= _INT_LIMIT:
        raise ValueError("there is no such number in an event")
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
