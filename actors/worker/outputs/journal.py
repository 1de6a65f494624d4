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
import stat
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, TypeAlias, assert_never

from actors.runtime import ThreadActor, reply, starter
from actors.worker.bounded import regular
from actors.worker.outputs.words import gigabytes
from actors.worker.reading import read_object
from messages import (
    ChildDown,
    ClockTold,
    LogEntry,
    Mailbox,
    TextsForwarded,
    TextsTaken,
    decode_event,
    decode_report,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

LINES_CHECKED: Final = 100
LINE_BYTES: Final = 1024 * 1024
"""How much of a file is looked at for the first entry of a run."""

_BEGIN: Final = b'{"sequence": '
"""How each entry begins."""

_MAX_LINE: Final = 16 * 1024 * 1024
_CHUNK: Final = 64 * 1024

_PASSING: Final = ('"batch_start"', '"batch_end"', '"output"', '"resources"')
"""Parts of the messages without which a run can be understood."""

CHECK: Final = 2.0
"""Seconds between two looks at the room on the disk."""

_Inbox: TypeAlias = TextsForwarded


class JournalCap(NamedTuple):
    """What a journal may take: bytes of its file, and the bytes that it leaves free on the disk."""

    size: int
    spare: int


class JournalError(Exception):
    """The journal cannot be written or read; the message is human-readable."""


def open_journal(path: Path) -> IO[str]:
    """The file to write to, at its end: a run in it goes on. Raises JournalError.

    A file that is not a journal is left as it is. It is locked as long as it is open: two workers'
    runs in one file could not be told apart.
    """
    try:
        if path.is_fifo():
            raise JournalError(f"{path} is not a journal: it is a pipe")
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise JournalError(f"the journal cannot be written: {error}") from error
    try:
        if not file.seekable():
            raise JournalError(f"{path} is not a journal: it is a terminal or the like")
        _lock(file)
        if path.is_file():
            _check(path)
            _end_line(path)
            file.seek(0, os.SEEK_END)
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
    for entry in _entries(path):
        if entry is None:
            bad += 1
        else:
            time, text = entry
            yield LogEntry(text=text, note=decode_event(text) is not None, time=time)
    if bad:
        log.warning("%d lines of %s are not entries of a run", bad, path)


def read_texts(path: Path) -> Iterator[tuple[float, str]]:
    """The time and the text of each entry in ``path``. Raises JournalError.

    What is no entry is passed over without a word; it takes half as long as ``read_journal``.
    """
    return (entry for entry in _entries(path) if entry is not None)


def _entries(path: Path) -> Iterator[tuple[float, str] | None]:
    """What each line in ``path`` is; None where it is no entry. Raises JournalError."""
    try:
        with open(path, encoding="utf-8", errors="replace", opener=regular) as file:
            for line in file:
                yield _entry(line)
    except OSError as error:
        raise JournalError(f"the journal cannot be read: {error}") from error


def check_journal(path: Path) -> None:
    """Raise JournalError when ``path`` cannot be read or there is no run in it."""
    try:
        with open(path, encoding="utf-8", errors="replace", opener=regular) as file:
            lines = (file.readline(LINE_BYTES) for _ in range(LINES_CHECKED))
            if any(_entry(line) is not None for line in lines):
                return
            what = "holds no run" if file.tell() else "is empty"
    except OSError as error:
        raise JournalError(f"the journal cannot be read: {error}") from error
    raise JournalError(f"{path} {what}: a journal is what --journal has written")


class JournalActor(ThreadActor[TextsForwarded]):
    """Takes ``TextsForwarded`` and writes them; answers with the failure when it cannot.

    What has been written is handed to the system before the answer: a worker that is killed then
    loses nothing of it.
    With ``cap`` the file is bounded: the oldest batch reports and output leave it first.
    """

    name = "journal"

    def __init__(
        self, *, file: IO[str], parent: Mailbox[ChildDown], cap: JournalCap | None = None
    ) -> None:
        super().__init__()
        self.parent = parent
        self._file = file
        self._cap = cap
        self._name = file.name
        self._size = 0 if cap is None else file.tell()
        self._checked = float("-inf")
        self._clock = ClockTold(time=0.0, position=1)
        self._next = 1

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case TextsForwarded():
                reply(message.reply_to, self._write(message.texts))
            case _:
                assert_never(message)

    def release(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            log.error("the end of the journal is lost: %s", error)

    def _write(self, texts: tuple[str, ...]) -> TextsTaken:
        try:
            there, moved_to = self._where()
            if not there:
                reason = (
                    f"{self._name} is not there any more: it, or its folder, has been removed, "
                    "moved or replaced"
                )
                return TextsTaken(failure=reason, is_lost=True)
            for text in texts:
                self._write_text(text)
            self._file.flush()
        except OSError as error:
            return TextsTaken(failure=str(error))
        return TextsTaken(moved_to=moved_to)

    def _where(self) -> tuple[bool, str | None]:
        """Whether the file can be found again, and where, if it was moved. Raises OSError.

        A user's own one may be moved, and something else be put in its place.
        """
        path = Path(self._name)
        try:
            if self._cap is not None:
                folder, file = path.parent.lstat(), path.lstat()
                return stat.S_ISDIR(folder.st_mode) and stat.S_ISREG(file.st_mode), None
            opened = os.fstat(self._file.fileno())
            if _is_same(path, opened):
                return True, None
            return opened.st_nlink > 0, self._moved_to(path, opened)
        except (FileNotFoundError, NotADirectoryError):
            return False, None

    def _moved_to(self, path: Path, opened: os.stat_result) -> str | None:
        """Where the system says that the open file is; empty where it does not."""
        try:
            place = Path(f"/proc/self/fd/{self._file.fileno()}").readlink()
        except OSError:  # it is not Linux
            return ""
        if place == path.absolute():
            return None  # its folder may not be looked into
        return str(place) if _is_same(place, opened) else ""

    def _write_text(self, text: str) -> None:
        message = decode_report(text)
        if message is None:
            return
        event = decode_event(message)
        if isinstance(event, ClockTold):
            self._clock, self._next = event, event.position
            return
        fields = {"sequence": self._next, "time": self._clock.time, "message": message}
        self._next += 1
        line = f"{json.dumps(fields)}\n"
        if self._cap is not None:
            self._make_room(self._cap, len(line))
        self._file.write(line)

    def _make_room(self, cap: JournalCap, size: int) -> None:
        """Room for ``size`` bytes more. Raises OSError when there is none."""
        now = time.monotonic()
        if now - self._checked >= CHECK:
            self._checked = now
            disk = os.statvfs(self._name)
            if disk.f_bavail * disk.f_frsize < cap.spare:
                raise OSError(f"less than {gigabytes(cap.spare)} is free on its disk")
        if self._size + size > cap.size:
            self._drop_oldest(cap.size)
            if self._size + size > cap.size:
                raise OSError(f"it has {cap.size} bytes, and may have no more")
        self._size += size

    def _drop_oldest(self, most: int) -> None:
        """Write the file again, without what passes in its older half; all of that if need be."""
        self._file.flush()
        for share in (most // 2, most):
            shorter = _without_passing(Path(self._name), share)
            self._file.close()
            self._file = shorter
            self._size = shorter.tell()
            if self._size <= most * 3 // 4:
                return


def _without_passing(path: Path, share: int) -> IO[str]:
    """The journal at ``path`` without what passes in its first ``share`` bytes; locked."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)  # of one that was killed, or a link
    shorter = new.open("x", encoding="utf-8")
    try:
        _lock(shorter)
        at = 0
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                at += len(line)
                entry = _entry(line) if at <= share else None
                if entry is None or not any(mark in entry[1] for mark in _PASSING):
                    shorter.write(line)
        shorter.flush()
        new.replace(path)
    except OSError:
        shorter.close()
        new.unlink(missing_ok=True)
        raise
    return shorter


def _entry(line: str) -> tuple[float, str] | None:
    """Time and text of the entry that ``line`` is."""
    try:
        fields = read_object(line)
        text, time = fields["message"], float(fields["time"])
        text.encode()  # a lone surrogate is not text
        if not 0 <= time < math.inf:  # the log takes no other
            return None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return time, text


def _lock(file: IO[str]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:  # some network file systems have no locks
        log.info("%s cannot be locked: %s", file.name, error)


def _check(path: Path) -> None:
    """Raise JournalError when the file holds something else than a run."""
    with path.open("rb") as file:
        first = file.readline(_MAX_LINE)
    is_entry = first.endswith(b"\n") and _entry(first.decode(errors="replace")) is not None
    if not is_entry and not _begins_entry(first):
        raise JournalError(f"{path} is not a journal: it is left as it is")


def _begins_entry(line: bytes) -> bool:
    """Whether ``line`` is the unfinished beginning of an entry."""
    return not line.endswith(b"\n") and (line.startswith(_BEGIN) or _BEGIN.startswith(line))


def _end_line(path: Path) -> None:
    """What a killed worker has not finished is not an entry, and must not spoil the next one."""
    with path.open("rb+") as file:
        end = start = file.seek(0, os.SEEK_END)
        rest = b""
        while start and b"\n" not in rest:
            size = min(_CHUNK, start)
            start -= size
            file.seek(start)
            rest = file.read(size) + rest
        rest = rest.rpartition(b"\n")[2]
        if not rest:
            return
        if _begins_entry(rest):
            file.truncate(end - len(rest))
        else:
            file.seek(end)
            file.write(b"\n")


def _is_same(path: Path, opened: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), opened)
    except OSError:
        return False


spawn = starter(JournalActor)
