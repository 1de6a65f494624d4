"""What a worker and a keeper say to each other, and its text: a line of JSON each.

The bytes of an output follow its line. Either end may be of another version: a field or a kind
that is not known is passed over.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple, TypeAlias


class Start(NamedTuple):
    """Start the training ``command``.

    ``ignored`` and ``blocked`` are the signals that it is to ignore and to block. ``folder`` is the
    run's, if there is one: the output goes on there at ``position``, in a log that begins at
    ``begins``, takes ``limit`` bytes at most and leaves ``spare`` bytes of its disk free.
    """

    command: list[str]
    ignored: list[int]
    blocked: list[int]
    folder: str | None = None
    position: int = 0
    begins: int = 0
    limit: int = 0
    spare: int = 0


class Attach(NamedTuple):
    """Tell the output from the position ``after`` on, and what happens from here on."""

    after: int


class Terminate(NamedTuple):
    """TERM to all of the training, KILL ``grace`` seconds later; again, and it is KILL at once."""

    grace: float


class Started(NamedTuple):
    """The training runs, as process ``pid``; its output goes on at the position ``position``."""

    pid: int
    keeper: int
    position: int = 0


class NotStarted(NamedTuple):
    """The training could not be started; ``number`` is the system's of the error, or 0."""

    reason: str
    number: int = 0


class Wrote(NamedTuple):
    """The training has written ``data``, which ends at the position ``until``."""

    data: bytes
    until: int


class Missed(NamedTuple):
    """What lies between two positions of the output is not told any more; it may be in its log."""

    after: int
    until: int


class Signalled(NamedTuple):
    """The signal ``name`` has been sent to all of the training."""

    name: str


class Refused(NamedTuple):
    """The training was not signalled, and goes on."""

    reason: str


class Ended(NamedTuple):
    """The training has ended, and has written until the position ``until``.

    ``returncode`` is the exit code, or minus the signal's number; None when it is not known.
    ``left`` names what it has left behind.
    """

    returncode: int | None
    cancelled: bool
    left: list[str]
    time: float
    until: int = 0


Order: TypeAlias = Start | Attach | Terminate
Event: TypeAlias = Started | NotStarted | Wrote | Missed | Signalled | Refused | Ended

_KINDS: Final[dict[str, Any]] = {
    kind.__name__: kind
    for kind in (
        *(Start, Attach, Terminate),
        *(Started, NotStarted, Wrote, Missed, Signalled, Refused, Ended),
    )
}

_MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes of a line; the longest holds a command."""


class NotUnderstoodError(Exception):
    """What came is not said by a worker or a keeper."""


def said(message: Order | Event) -> bytes:
    """The bytes of ``message``."""
    fields = message._asdict()
    data: bytes = fields.pop("data", b"")
    if data:
        fields["size"] = len(data)
    return json.dumps({"is": type(message).__name__, **fields}).encode() + b"\n" + data


class Listener:
    """Takes bytes as they come, and gives what they say."""

    def __init__(self) -> None:
        self._heard = bytearray()

    def hear(self, data: bytes) -> list[Any]:
        """The messages that ``data`` completes. Raises NotUnderstoodError."""
        self._heard += data
        messages = []
        while (message := self._next()) is not None:
            messages += message
        return messages

    def _next(self) -> list[Any] | None:
        end = self._heard.find(b"\n")
        if end < 0:
            if len(self._heard) > _MAX_LINE:
                raise NotUnderstoodError("a line without an end")
            return None
        try:
            fields = json.loads(self._heard[:end])
            kind = _KINDS.get(fields.pop("is"))
            size = int(fields.pop("size", 0))
            if len(self._heard) < end + 1 + size:
                return None
            if size:
                fields["data"] = bytes(self._heard[end + 1 : end + 1 + size])
            del self._heard[: end + 1 + size]
            if kind is None:
                return []
            return [kind(**{name: fields[name] for name in kind._fields if name in fields})]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NotUnderstoodError(repr(error)) from error
