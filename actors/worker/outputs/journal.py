"""The journal: a run's log in a file, written as it goes, and read again.

One JSON object a line: ``sequence`` (the position in the log), ``time`` (seconds since the epoch)
and ``message``, which is a trainer's report or a worker event as it stands in the log.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
from typing import IO, TYPE_CHECKING, Final, TypeAlias, assert_never

from actors.runtime import ThreadActor, reply, starter
from actors.worker.reading import read_object
from messages import (
    ChildDown,
    ClockTold,
    LogEntry,
    Mailbox,
    TextsForwarded,
    TextsTaken,
    TrainingReport,
    decode_event,
    decode_report,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

LINES_CHECKED: Final = 100
LINE_BYTES: Final = 1024 * 1024
"""How much of a file is looked at for the first entry of a run."""

_EPOCH_MARKS: Final = ('"epoch_begin"', '"epoch_end"', '"train_begin"', '"train_end"')

_Inbox: TypeAlias = TextsForwarded


class JournalError(Exception):
    """The journal cannot be written or read; the message is human-readable."""


def open_journal(path: Path, *, go_on: bool) -> IO[str]:
    """The file to write to, at its end if the run is to ``go_on`` in it. Raises JournalError.

    It is locked as long as it is open: two runs in one file could not be told apart.
    """
    try:
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise JournalError(f"the journal cannot be written: {error}") from error
    try:
        _lock(file)
        if go_on:
            _cut_unfinished_line(path)
            file.seek(0, os.SEEK_END)
        elif file.tell():
            raise JournalError(
                f"{path} holds a run already: choose another file, or show it with --replay"
            )
    except BlockingIOError:
        file.close()
        raise JournalError(f"{path} is being written by another worker") from None
    except (OSError, JournalError) as error:
        file.close()
        raise JournalError(f"{error}") from error
    return file


def read_journal(path: Path) -> Iterator[LogEntry]:
    """The entries in ``path``, in order. Raises JournalError when there is no such file.

    Lines that are not entries, as a killed worker may leave one at the end, are passed over with a
    warning.
    """
    bad = 0
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                entry = _entry(line)
                if entry is None:
                    bad += 1
                else:
                    yield entry
    except OSError as error:
        raise JournalError(f"the journal cannot be read: {error}") from error
    if bad:
        log.warning("%d lines of %s are not entries of a run", bad, path)


def check_journal(path: Path) -> None:
    """Raise JournalError when ``path`` cannot be read or there is no run in it."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = (file.readline(LINE_BYTES) for _ in range(LINES_CHECKED))
            if any(_entry(line) is not None for line in lines):
                return
            what = "holds no run" if file.tell() else "is empty"
    except OSError as error:
        raise JournalError(f"the journal cannot be read: {error}") from error
    raise JournalError(f"{path} {what}: a journal is what --journal has written")


class JournalActor(ThreadActor[TextsForwarded]):
    """Takes ``TextsForwarded`` and writes them; answers with the failure when it cannot.

    What has been written is handed to the system at each epoch, and when the training has ended.
    """

    name = "journal"

    def __init__(self, *, file: IO[str], parent: Mailbox[ChildDown]) -> None:
        super().__init__()
        self.parent = parent
        self._file = file
        self._clock = ClockTold(time=0.0, position=1)
        self._next = 1

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case TextsForwarded():
                reply(message.reply_to, TextsTaken(failure=self._write(message.texts)))
            case _:
                assert_never(message)

    def release(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            log.error("the end of the journal is lost: %s", error)

    def _write(self, texts: tuple[str, ...]) -> str | None:
        try:
            for text in texts:
                self._write_text(text)
        except OSError as error:
            return f"the journal is not written any more: {error}"
        return None

    def _write_text(self, text: str) -> None:
        message = decode_report(text)
        if message is None:
            return
        event = decode_event(message)
        if isinstance(event, ClockTold):
            self._clock, self._next = event, event.position
            return
        line = {"sequence": self._next, "time": self._clock.time, "message": message}
        self._file.write(f"{json.dumps(line)}\n")
        self._next += 1
        if isinstance(event, TrainingReport) or any(mark in message for mark in _EPOCH_MARKS):
            self._file.flush()


def _entry(line: str) -> LogEntry | None:
    try:
        fields = read_object(line)
        text, time = fields["message"], float(fields["time"])
        text.encode()  # a lone surrogate is not text
        if not 0 <= time < math.inf:  # the log takes no other
            return None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return LogEntry(text=text, note=decode_event(text) is not None, time=time)


def _lock(file: IO[str]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:  # some network file systems have no locks
        log.info("%s cannot be locked: %s", file.name, error)


def _cut_unfinished_line(path: Path) -> None:
    """What a killed worker has not finished is not an entry, and must not spoil the next one."""
    with path.open("rb+") as file:
        end = file.seek(0, 2)
        while end:
            start = max(0, end - 4096)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                file.truncate(start + found + 1)
                return
            end = start
        file.truncate(0)


spawn = starter(JournalActor)
