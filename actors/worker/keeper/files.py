"""RunFiles: what a keeper writes into the run's folder, on a thread of its own.

A file system may take long, or for ever: neither the training nor the worker waits for it. Files
are opened in the folder that was there at the start, and never through links: what is put in their
place in mid-run leads nowhere else.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from actors.worker.keeper.talk import Start

OUTPUT: Final = "output.log"
"""The newest part of the training's output."""

EXIT: Final = "exit.json"
"""How the training ended; it is there when it has."""

KEEPER: Final = "keeper.json"
"""Which processes the keeper and the training are, and which position ``OUTPUT`` begins with."""

SOCKET: Final = "keeper.sock"
"""Where a worker reaches the keeper."""

OLDER: Final = re.compile(r"output-(\d{15})\.log")
"""The part before ``OUTPUT``; the number is the position that it begins with."""

NAMESPACE: Final = "pid_namespace"
"""The field that says in which numbers of processes those of a file are counted."""

PARTS: Final = 4
"""The log takes the half of its limit at most: the newest part, and one before it."""

HEARTBEAT: Final = 60.0
"""Seconds after which the time of ``KEEPER`` is set again, and a worker's of its own file."""

CHECK: Final = 2.0
"""Seconds between two looks at the room on the disk."""

_QUEUED: Final = 8 * 1024 * 1024
"""Bytes that wait to be written beyond which no more are taken: the disk is too slow."""


class RunFiles:
    """Writes into ``folder``; whatever fails is tried again later, or left out."""

    def __init__(self, start: Start, folder: str, fields: dict[str, Any]) -> None:
        self._path, self._opened = folder, -1
        self._part = max(1, start.limit // PARTS)
        self._spare = start.spare
        self._fields, self._fields_are_written = fields, False
        self._file: int | None = None
        self._size = 0
        self._checked = float("-inf")
        self._has_room = True
        self._signed = float("-inf")
        self._queue: SimpleQueue[tuple[int, bytes] | dict[str, Any] | None] = SimpleQueue()
        self._given = self._taken = 0
        self._begins, self._end = start.begins, start.position
        self.position = self._end
        """Up to where the log goes, or as far as it ever will."""
        self.has_end = False
        """Whether it stands there how the training has ended."""
        self._thread = threading.Thread(target=self._run, name="files", daemon=True)
        self._thread.start()

    def write(self, data: bytes, position: int) -> None:
        """Have ``data``, which begins at ``position``, written."""
        if self._given - self._taken + len(data) <= _QUEUED:
            self._given += len(data)
            self._queue.put((position, data))

    def end_with(self, fields: dict[str, Any]) -> None:
        """Write how the training has ended."""
        self._queue.put(fields)

    def close(self, timeout: float) -> None:
        """Take no more, and wait a while until all is written."""
        self._queue.put(None)
        self._thread.join(timeout)

    # On the thread

    def _run(self) -> None:
        self._remove(EXIT)
        self._write_fields()
        while (item := self._next()) is not None:
            if isinstance(item, dict):
                self._replace(EXIT, {**item, "output_from": self._begins})
                self.has_end = True
                continue
            position, data = item
            try:
                self._log(position, data)
            except OSError:
                self._close()
            self._taken += len(data)
            self.position = position + len(data)
        self._close()
        self._remove(SOCKET)
        if self._opened >= 0:
            os.close(self._opened)

    @property
    def _folder(self) -> int:
        """Its descriptor. Raises OSError."""
        if self._opened < 0:
            self._opened = open_folder(self._path)
        return self._opened

    def _next(self) -> tuple[int, bytes] | dict[str, Any] | None:
        while True:
            self._give_sign()
            try:
                return self._queue.get(timeout=HEARTBEAT)
            except Empty:
                pass

    def _give_sign(self) -> None:
        """Another machine sees by the file's time that the training lives; now and then."""
        now = time.monotonic()
        if now - self._signed < HEARTBEAT:
            return
        self._signed = now
        try:
            os.utime(KEEPER, dir_fd=self._folder, follow_symlinks=False)
        except OSError:
            pass

    def _log(self, position: int, data: bytes) -> None:
        if not self._may_write():
            return
        if position != self._end or self._size + len(data) > self._part:
            self._begin_part(position)
        if self._file is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            self._file = os.open(OUTPUT, flags, 0o600, dir_fd=self._folder)
            self._size = os.fstat(self._file).st_size
        while data:
            written = os.write(self._file, data)
            data = data[written:]
            self._size += written
            self._end += written
        if not self._fields_are_written:
            self._write_fields()

    def _may_write(self) -> bool:
        now = time.monotonic()
        if now - self._checked >= CHECK:
            self._checked = now
            disk = os.statvfs(self._folder)
            self._has_room = disk.f_bavail * disk.f_frsize >= self._spare
        return self._has_room

    def _begin_part(self, position: int) -> None:
        self._close()
        folder = self._folder
        if _size(OUTPUT, folder):
            older = f"output-{self._begins:015}.log"
            os.replace(OUTPUT, older, src_dir_fd=folder, dst_dir_fd=folder)
        self._begins = self._end = position
        self._size = 0
        for name in sorted(filter(OLDER.fullmatch, os.listdir(folder)))[:-1]:
            self._remove(name)
        self._write_fields()

    def _write_fields(self) -> None:
        fields = {**self._fields, "output_from": self._begins}
        self._fields_are_written = self._replace(KEEPER, fields)

    def _replace(self, name: str, fields: dict[str, Any]) -> bool:
        try:
            replace_fields(self._folder, name, fields, sync=True)
        except OSError:
            return False
        return True

    def _remove(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._folder)
        except OSError:
            pass

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            try:
                os.close(file)
            except OSError:
                pass


def open_folder(path: str) -> int:
    """A descriptor of the folder at ``path``, which may not be a link. Raises OSError."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def replace_fields(folder: int, name: str, fields: dict[str, Any], *, sync: bool = False) -> None:
    """Write ``fields`` to the file ``name`` in ``folder``, a descriptor. Raises OSError.

    Whoever reads it meanwhile gets these or those before; with ``sync`` also when the machine goes
    down.
    """
    new = f"{name}.new"
    with suppress(FileNotFoundError):  # of one that was killed, or a link
        os.unlink(new, dir_fd=folder)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    try:
        try:
            data = json.dumps(fields).encode() + b"\n"
            while data:
                data = data[os.write(file, data) :]
            if sync:
                os.fsync(file)
        finally:
            os.close(file)
        os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(OSError):
            os.unlink(new, dir_fd=folder)
        raise


def _size(name: str, folder: int) -> int:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
    except OSError:
        return 0
