"""Requests: what a host tells the supervisor is data from outside. Pure functions.

A request with a value of a wrong type is refused with the field's name and what is expected; who
tells a supervisor that has ended is answered like everybody else.
"""

from __future__ import annotations

import dataclasses
import enum
import logging
import typing
from functools import cache
from typing import Any, Final, cast

import messages
from actors.runtime import reply
from actors.settings import is_number, shown
from messages import (
    AddedToLog,
    AddToLog,
    AttachClient,
    ClientDetached,
    ClientGone,
    ControlRejected,
    DataChannel,
    DetachClient,
    GetStatus,
    Mailbox,
    OwnerEvent,
    Phase,
    ReporterStatus,
    ReportingFailed,
    SendControl,
    StartReporting,
    StopReporting,
    SupervisorMessage,
    SwitchJob,
)

log = logging.getLogger(__name__)

REPORTER_ENDED: Final = "the reporter has ended"


class NotAcceptedError(Exception):
    """A request is refused; the message says why."""


def checked(message: object) -> SupervisorMessage:
    """``message``, with each value as its field has it.

    Raises NotAcceptedError, and logs it, when it is not a request, or has a value of a wrong type.
    """
    try:
        if not isinstance(message, SupervisorMessage):
            text = f"a {type(message).__name__} is passed over: the supervisor does not take it"
            raise NotAcceptedError(text)
        return cast("SupervisorMessage", _checked(message))
    except NotAcceptedError as error:
        log.error("%s", error)
        raise


def _checked(message: Any) -> Any:
    """The same for any of the messages' dataclasses."""
    changed = {}
    kind: Any = type(message)
    for name, hint in _hints(kind).items():
        given: Any = "missing"
        try:
            given = getattr(message, name)
            value = _as_hint(given, hint)
        except Exception as error:  # a host's object may raise anything when it is looked at
            text = f"{kind.__name__}.{name} is {shown(given)}; expected: {error}"
            raise NotAcceptedError(text) from None
        if value is not given:
            changed[name] = value
    return dataclasses.replace(message, **changed) if changed else message


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, localns=vars(messages))


def _as_hint(value: Any, hint: Any) -> Any:
    """``value`` as a field of the type ``hint`` has it. Raises with what is expected."""
    match typing.get_origin(hint) or hint, typing.get_args(hint):
        case _, (wanted, none) if none is type(None):
            return None if value is None else _as_hint(value, wanted)
        case kind, (item, _) if kind is tuple and isinstance(value, tuple | list):
            return tuple(_as_hint(entry, item) for entry in value)
        case kind, _ if kind is Mailbox:
            if callable(getattr(value, "tell", None)):
                return value
            raise TypeError("a mailbox, an object with a method tell(message)")
        case kind, _ if kind is DataChannel:
            return value  # it is looked at on its own thread
        case kind, _ if issubclass(kind, enum.Enum):
            try:
                return kind(value)
            except ValueError:
                raise TypeError(f"one of {[member.value for member in kind]}") from None
        case kind, _ if kind is float:
            if is_number(value) and value >= 0:
                return value
        case kind, _ if kind is str and isinstance(value, str):
            text = str.__str__(value)
            text.encode()  # raises what UTF-8 cannot encode
            return text
        case kind, _ if kind is int and isinstance(value, int) and not isinstance(value, bool):
            if value >= 0:
                return value
        case kind, _ if kind is bool and isinstance(value, bool):
            return value
        case type() as kind, _ if dataclasses.is_dataclass(kind) and isinstance(value, kind):
            return _checked(value)
    raise TypeError(_EXPECTED.get(hint, f"a {getattr(hint, '__name__', hint)}"))


_EXPECTED = {bool: "True or False", float: "a number, 0 or more", int: "a whole number, 0 or more"}


def turn_away(message: object, reason: str, owner: Mailbox[OwnerEvent]) -> None:
    """Answer a ``message`` that is not handled, because of ``reason``."""
    try:
        match message:
            case StartReporting() | StopReporting() | SwitchJob():
                _reply(message, ReportingFailed(job_id=_text(message.job_id), reason=reason))
            case AttachClient():
                reply(owner, ClientGone(client_id=_text(message.client_id), reason=reason))
            case DetachClient():
                _reply(message, ClientDetached(client_id=_text(message.client_id)))
            case SendControl():
                _reply(message, ControlRejected(reason=reason))
            case AddToLog():
                _reply(message, AddedToLog(reason=reason))
            case GetStatus():
                _reply(message, ReporterStatus(phase=Phase.IDLE))
    except Exception as error:  # of a host's object, or one that is half made
        log.error("a %s is not answered: %s", type(message).__name__, shown(error))


def _text(value: object) -> str:
    return value if isinstance(value, str) else shown(value)


def _reply(request: Any, answer: object) -> None:
    if callable(getattr(request.reply_to, "tell", None)):
        reply(request.reply_to, answer)
