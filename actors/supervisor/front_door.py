"""The supervisor's front door: what a host tells is data from outside. Pure functions.

A request with a value of a wrong type is refused with the field's name and what is expected; who
tells a supervisor that has ended is answered like everybody else.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, cast

from actors.client_channel import data_channel
from actors.runtime import reply
from actors.settings import is_number
from messages import (
    AddedToLog,
    AddToLog,
    AttachClient,
    ClientDetached,
    ClientGone,
    ControlRejected,
    DetachClient,
    ForgetStop,
    GetStatus,
    JobOutcome,
    LogEntry,
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

if TYPE_CHECKING:
    from collections.abc import Callable


class NotAcceptedError(Exception):
    """It is not a request, or has a value of a wrong type; the message says which."""


def checked(message: object) -> SupervisorMessage:
    """``message``, with each value as its field has it. Raises NotAcceptedError."""
    fields = _FIELDS.get(type(message))
    if fields is None:
        text = f"a {type(message).__name__} is passed over: the supervisor does not take it"
        raise NotAcceptedError(text)
    request = cast("Any", message)
    changed = {}
    for name, as_field in fields.items():
        given = getattr(request, name)
        try:
            value = as_field(given)
        except Exception as error:  # a host's object may raise anything when it is looked at
            text = f"{type(message).__name__}.{name} is {given!r:.100}; expected: {error}"
            raise NotAcceptedError(text) from None
        if value is not given:
            changed[name] = value
    return cast("SupervisorMessage", dataclasses.replace(request, **changed))


def turn_away(message: object, reason: str, owner: Mailbox[OwnerEvent]) -> None:
    """Answer a ``message`` that is not handled, because of ``reason``."""
    match message:
        case StartReporting() | StopReporting() | SwitchJob():
            _reply(message, ReportingFailed(job_id=str(message.job_id), reason=reason))
        case AttachClient():
            reply(owner, ClientGone(client_id=str(message.client_id), reason=reason))
        case DetachClient():
            _reply(message, ClientDetached(client_id=str(message.client_id)))
        case SendControl():
            _reply(message, ControlRejected(reason=reason))
        case AddToLog():
            _reply(message, AddedToLog(reason=reason))
        case GetStatus():
            status = ReporterStatus(
                phase=Phase.IDLE,
                job_id=None,
                addresses=None,
                trainer_connected=False,
                received=0,
                clients=(),
            )
            _reply(message, status)
        case _:
            pass


def _reply(request: Any, answer: object) -> None:
    if callable(getattr(request.reply_to, "tell", None)):
        reply(request.reply_to, answer)


# Each answers the value as a field has it, or raises TypeError or ValueError with what is expected.


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a str")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("True or False")
    return value


def _mailbox(value: object) -> object:
    if not callable(getattr(value, "tell", None)):
        raise TypeError("a mailbox, an object with a method tell(message)")
    return value


def _optional(as_field: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: None if value is None else as_field(value)


def _outcome(value: object) -> JobOutcome:
    try:
        return JobOutcome(value)
    except ValueError:
        raise ValueError(f"one of {[outcome.value for outcome in JobOutcome]}") from None


def _seconds(value: object) -> object:
    if not is_number(value) or value < 0:
        raise TypeError("a number of seconds")
    return value


def _position(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError("a position in the log, 0 or more")
    return value


def _entries(value: object) -> object:
    if not isinstance(value, list | tuple) or not all(map(_is_entry, value)):
        raise TypeError("a tuple of LogEntry, each with a text that UTF-8 can encode")
    return value if isinstance(value, tuple) else tuple(value)


def _is_entry(value: object) -> bool:
    if not isinstance(value, LogEntry) or not isinstance(value.text, str):
        return False
    try:
        value.text.encode()
    except UnicodeEncodeError:
        return False
    return value.time is None or is_number(value.time)


_FIELDS: Final[dict[type, dict[str, Callable[[object], object]]]] = {
    StartReporting: {"job_id": _text, "gui": _flag, "reply_to": _mailbox},
    StopReporting: {"job_id": _text, "outcome": _outcome, "reply_to": _mailbox},
    SwitchJob: {
        "job_id": _text,
        "outcome": _outcome,
        "next_job_id": _text,
        "reply_to": _mailbox,
        "drain_timeout": _optional(_seconds),
    },
    AttachClient: {
        "channel": data_channel,
        "client_id": _text,
        "accept_control": _flag,
        "after": _optional(_position),
    },
    DetachClient: {"client_id": _text, "reply_to": _optional(_mailbox)},
    SendControl: {"command": _text, "reply_to": _mailbox},
    ForgetStop: {},
    AddToLog: {"entries": _entries, "reply_to": _optional(_mailbox)},
    GetStatus: {"reply_to": _mailbox},
}
