"""Data-channel text <-> messages: the only place that knows a prefix. Pure functions.

The prefixes are those of the SLEAP clients: ``PROGRESS_REPORT::`` out; ``CONTROL_COMMAND::`` (the
current client) and ``ZMQ_CTRL::`` (the older one) in. A prefix counts only at the start of a text,
and what follows it may contain ``::``.
"""

from dataclasses import dataclass
from typing import Final

PROGRESS_REPORT: Final = "PROGRESS_REPORT::"
CONTROL_PREFIXES: Final = ("ZMQ_CTRL::", "CONTROL_COMMAND::")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlText:
    """The client asks for ``command`` to be published to the trainer."""

    command: str


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
