"""What a keeper has written into a run's folder, read again. It may have been killed meanwhile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actors.worker.keeper.files import EXIT, KEEPER, OLDER, OUTPUT
from actors.worker.keeper.talk import Ended

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK: Final = 64 * 1024
_MAX_FIELDS: Final = 1024 * 1024


class _Part(NamedTuple):
    begins: int
    size: int
    path: Path

    @property
    def ends(self) -> int:
        return self.begins + self.size


class OutputLog:
    """The output of the training of the run in ``folder``, as far as it has been written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def begins(self) -> int:
        """The position that the newest part of it begins with."""
        for name in (KEEPER, EXIT):
            begins = fields_of(self._folder / name).get("output_from")
            if isinstance(begins, int) and begins >= 0:
                return begins
        return 0

    @property
    def ends(self) -> int:
        """The position that it ends with."""
        parts = self._parts()
        return parts[-1].ends if parts else 0

    def read(self, after: int, until: int | None = None) -> Iterator[tuple[bytes, int]]:
        """Pieces of what lies between two positions, each with that of its end.

        What is not there is passed over. Raises OSError.
        """
        for part in self._parts():
            at = max(after, part.begins)
            end = part.ends if until is None else min(until, part.ends)
            if at >= end:
                continue
            with part.path.open("rb") as file:
                file.seek(at - part.begins)
                while at < end and (data := file.read(min(_CHUNK, end - at))):
                    at += len(data)
                    yield data, at
            after = max(after, at)

    def _parts(self) -> list[_Part]:
        """In order; a part that another one follows may be taken away at any time."""
        parts = []
        try:
            for path in self._folder.iterdir():
                found = OLDER.fullmatch(path.name)
                if found or path.name == OUTPUT:
                    begins = int(found[1]) if found else self.begins
                    parts.append(_Part(begins, path.stat().st_size, path))
        except OSError:
            pass
        return sorted(parts)


def fields_of(path: Path) -> dict[str, Any]:
    """The JSON object in a small file; empty when there is none."""
    try:
        with path.open("rb") as file:
            fields = json.loads(file.read(_MAX_FIELDS))
    except (OSError, ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def end_of(folder: Path) -> Ended | None:
    """How the training of the run in ``folder`` has ended; None when nobody has written it."""
    fields = fields_of(folder / EXIT)
    try:
        code, number = fields["code"], fields["signal"]
        return Ended(
            returncode=int(code) if code is not None else -int(number) if number else None,
            cancelled=bool(fields["cancelled"]),
            left=[str(one) for one in fields["left"]],
            time=float(fields["time"]),
            until=int(fields["until"]),
        )
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
