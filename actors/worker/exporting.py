"""A run as one file: the page with all of the run in it, which opens without a worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from actors.worker.command_line import PlanError, version
from actors.worker.digest import Digest
from actors.worker.outputs import JournalError, check_journal, read_journal
from actors.worker.viewer import Access, ViewerSettings, new_token, page_with, session_of

if TYPE_CHECKING:
    from pathlib import Path

KEPT: Final = b'id="kept-run"'
"""Where the run stands in an exported file; such a file may be written over."""


def export(journal: Path, target: Path) -> None:
    """Write the run in ``journal`` to ``target``, an HTML file; blocks while it reads.

    Raises PlanError when the one cannot be read or the other not be written, or is something else.
    """
    digest = Digest()
    try:
        check_journal(journal)
        for position, entry in enumerate(read_journal(journal), 1):
            digest.add(position, entry.time or 0.0, entry.text)
    except JournalError as error:
        raise PlanError(str(error)) from error
    nobodys = Access(new_token(), names=frozenset())  # it is in no file, and serves nobody
    settings = ViewerSettings(access=nobodys, title=journal.name, version=version(), replay=True)
    session = session_of(settings, instance="", may_control=False)
    kept = b'{"session":%b,"digest":%b}' % (json.dumps(session).encode(), digest.json())
    try:
        if target.exists() and KEPT not in target.read_bytes():
            raise PlanError(f"{target} is there already, and is no exported run: choose another")
        target.write_bytes(page_with(kept))
    except OSError as error:
        raise PlanError(f"the file cannot be written: {error}") from error
