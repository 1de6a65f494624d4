"""JSON as the trainer and the journal write it, read fast, and the texts of pages."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson

from messages import PIECE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_object(text: str | bytes) -> dict[str, Any]:
    """The object that ``text`` is the JSON of; an empty one for anything else.

    A trainer's bare NaN and Infinity are read too.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


class PageReader:
    """Reads the texts of a client that takes pages, in order; pieces are put together."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def entries(self, text: str) -> Iterator[tuple[int, float, str]]:
        """The entries that ``text`` brings, each with its position and time (seconds)."""
        if text.startswith(PIECE_PREFIX):
            _, number, part = text.split("::", 2)
            self._parts = [part] if number.startswith("1/") else [*self._parts, part]
            if len(self._parts) < int(number.partition("/")[2]):
                return
            text = "".join(self._parts)
        page = orjson.loads(text)
        yield from zip(count(page["first"]), page["times"], page["messages"], strict=False)
