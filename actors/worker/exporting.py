"""A run as one file: the page with all of the run in it, which opens without a worker."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Final

from actors.worker.bounded import pages, regular, within
from actors.worker.command_line import PlanError, version
from actors.worker.digest import Digest
from actors.worker.outputs import JournalError, check_journal, read_journal
from actors.worker.viewer import Access, ViewerSettings, new_token, page_with, session_of

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES: Final = 5_000
"""Entries of a journal that are read at once."""

KEPT: Final = b'id="kept-run"'
"""Where the run stands in an exported file; such a file may be written over."""


def export(journal: Path, target: Path) -> int:
    """Write the run in ``journal`` to ``target``, an HTML file of so many bytes; blocks meanwhile.

    A file system that does not answer is not waited for.

    Raises PlanError when the one cannot be read or the other not be written, or is something else.
    """
    digest = Digest()
    try:
        within(lambda: check_journal(journal), where=journal)
        entries = chain.from_iterable(pages(read_journal(journal), ENTRIES, where=journal))
        for position, entry in enumerate(entries, 1):
            digest.add(position, entry.time or 0.0, entry.text)
    except (JournalError, OSError) as error:
        raise PlanError(str(error)) from error
    nobodys = Access(new_token(), names=frozenset())  # it is in no file, and serves nobody
    settings = ViewerSettings(access=nobodys, title=journal.name, version=version(), replay=True)
    session = session_of(settings, instance="", may_control=False)
    kept = b'{"session":%b,"digest":%b}' % (json.dumps(session).encode(), digest.json())
    try:
        page = page_with(kept)
        within(lambda: _write(target, page), where=target)
    except OSError as error:
        raise PlanError(f"the file cannot be written: {error}") from error
    return len(page)


def _write(target: Path, page: bytes) -> None:
    """Raises OSError, and PlanError when something else is there."""
    if target.exists():
        with open(target, "rb", opener=regular) as file:
            if KEPT not in file.read():
                raise PlanError(f"{target} is there already, and is no exported run: name another")
    target.write_bytes(page)
