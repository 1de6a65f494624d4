"""What may be published to a trainer: a client's control text is data from outside.

The trainer decodes it with jsonpickle, which runs code: any JSON key that begins with ``py/`` is a
tag to it, and text that is not JSON is tried as YAML, which can spell the same tags in other ways.
Pure functions.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any, Final

from actors.settings import ControlEncoding
from messages.wire import asks_to_stop

MAX_BYTES: Final = 64 * 1024
"""A control text is one short command; this is far beyond any."""

MAX_DEPTH: Final = 100
"""Nested JSON deeper than this is not a command, and nears what a parser can take."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9 _.:\-]+")

_STOP: Final = '{"command": "stop"}'


class ControlRefusedError(ValueError):
    """The text must not be published; the message says why."""


def published_text(command: str, encoding: ControlEncoding) -> str:
    """The text to publish for ``command``. Raises ControlRefusedError."""
    _check_size(command)
    value = _parse(command)
    match encoding:
        case ControlEncoding.VERBATIM:
            return command
        case ControlEncoding.SLEAP_NN:
            return _STOP if asks_to_stop(command) else _set_lr(value)


def _set_lr(value: Any) -> str:
    """``set_lr`` as a trainer understands it; whatever else it is ends the training, or nothing."""
    if not isinstance(value, dict) or value.get("command") != "set_lr":
        raise ControlRefusedError(
            'a SLEAP trainer takes stop and {"command": "set_lr", "lr": 0.001} alone, and may '
            "crash on anything else"
        )
    rate = value.get("lr")
    if len(value) != 2 or not isinstance(rate, int | float) or isinstance(rate, bool):
        raise ControlRefusedError("set_lr has lr, a number, and nothing else")
    if not 0 < rate <= sys.float_info.max:
        raise ControlRefusedError("the learning rate is a finite number above 0")
    return json.dumps(value)


def _check_size(command: str) -> None:
    if not command.strip():
        raise ControlRefusedError("the command is empty")
    try:
        size = len(command.encode())
    except UnicodeEncodeError:
        raise ControlRefusedError("the command cannot be encoded as UTF-8") from None
    if size > MAX_BYTES:
        raise ControlRefusedError(f"the command has {size} bytes, {MAX_BYTES} are allowed")


def _parse(command: str) -> Any:
    """The value of JSON, None of plain words; keys are checked, also those given twice."""
    try:
        value = json.loads(command, object_pairs_hook=_checked_object)
        if _depth(value) > MAX_DEPTH:
            raise RecursionError
    except ControlRefusedError:
        raise
    except RecursionError:
        raise ControlRefusedError(f"the JSON is nested more than {MAX_DEPTH} deep") from None
    except json.JSONDecodeError:
        if _PLAIN.fullmatch(command):
            return None
        raise ControlRefusedError(
            "text that is not JSON may hold letters, digits, space and _ . : - alone"
        ) from None
    except ValueError:  # Python refuses to read it
        raise ControlRefusedError("the JSON holds a number of too many digits") from None
    return value


def _checked_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, _ in pairs:
        if key.startswith(("py/", "json://")):  # the second kind is decoded once more
            raise ControlRefusedError(f"the key {key[:40]!r} would make the trainer run code")
    return dict(pairs)


def _depth(value: Any) -> int:
    """1 for what holds nothing. Raises RecursionError."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)
