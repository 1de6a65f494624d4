"""Data-channel text <-> messages: the only place that knows a prefix. Pure functions.

The prefixes are those of the SLEAP clients: ``PROGRESS_REPORT::`` and ``CR::`` out;
``CONTROL_COMMAND::`` (the current client) and ``ZMQ_CTRL::`` (the older one), ``JOB_STOP`` and
``JOB_CANCEL`` in. A prefix counts only at the start of a text, and what follows it may contain
``::``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from messages.event_codec import decode_event
from messages.events import OutputWritten

PROGRESS_REPORT: Final = "PROGRESS_REPORT::"
CHANGING_LINE: Final = "CR::"
CONTROL_PREFIXES: Final = ("ZMQ_CTRL::", "CONTROL_COMMAND::")

STOP_ORDER: Final = 'CONTROL_COMMAND::{"command": "stop"}'
CANCEL_ORDER: Final = "JOB_CANCEL"
"""What a page sends when somebody asks for the training to be stopped, or ended."""

EVENTS_PROTOCOL: Final = "sleap-progress.v1"
"""The sub-protocol of a channel whose client wants the worker's events too."""

PAGES_PROTOCOL: Final = "sleap-progress.v2"
"""That of a channel whose client takes many entries in one text (``encode_page``)."""

PIECE_PREFIX: Final = "PIECE::"

PIECE_SIZE: Final = 60_000
"""Characters of a piece: a browser's data channel takes 65,536 bytes where its peer is silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlText:
    """The client asks for ``command`` to be published to the trainer."""

    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopText:
    """The client asks for the training to be stopped.

    ``command`` is its own spelling, None for ``JOB_STOP``.
    """

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


def encode_page(first: int, times: Sequence[float], messages: Sequence[str]) -> str:
    """One text for entries of the run's log, reports and events; ``first`` is the first's position.

    It is ``{"first": 17, "times": [...], "messages": [...]}``, the times in seconds since 1970.
    """
    times = [round(time, 3) for time in times]
    page = {"first": first, "times": times, "messages": messages}
    return json.dumps(page, separators=(",", ":"))


def pieces_of(text: str) -> list[str]:
    """``text``, which is ASCII, in pieces that every channel takes; itself if it is one.

    A piece is ``PIECE::`` its number from 1 on ``/`` how many there are ``::`` and a part.
    """
    if len(text) <= PIECE_SIZE:
        return [text]
    parts = [text[at : at + PIECE_SIZE] for at in range(0, len(text), PIECE_SIZE)]
    return [f"{PIECE_PREFIX}{n}/{len(parts)}::{part}" for n, part in enumerate(parts, 1)]


def text_bytes(text: str) -> int:
    """The size of ``text`` on the wire, in UTF-8; a host's may hold lone surrogates."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


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
            return StopText(command=command) if asks_to_stop(command) else control
        case OtherText(text="JOB_STOP"):
            return StopText(command=None)
        case OtherText(text=text) if text == CANCEL_ORDER:
            return CancelText()
        case other:
            return other


def asks_to_stop(command: str) -> bool:
    """Whether the control ``command`` asks the trainer to stop, however it spells that."""
    if command in ("STOP", "stop"):
        return True
    try:
        value = json.loads(command)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("command") == "stop"


def plain_text(note: str) -> str:
    """What a client that does not know worker events is sent for one; nothing but log lines."""
    event = decode_event(note)
    if not isinstance(event, OutputWritten):
        return ""
    if event.changing is not None and not event.lines:
        return CHANGING_LINE + event.changing.rpartition("\n")[2]
    return "".join(f"{line}\n" for line in event.lines)
