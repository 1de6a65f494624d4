"""OutOfMemoryKills: whether the system has killed a process of a job because memory ran out."""

from __future__ import annotations

from pathlib import Path


class OutOfMemoryKills:
    """Counts from its making on, in the control group of ``pid``; Linux tells, others do not."""

    def __init__(self, pid: int | None = None) -> None:
        self._file = None if pid is None else _memory_events(pid)
        self._before = self._count()

    def happened(self) -> bool:
        """Whether there was such a kill."""
        return self._count() > self._before

    def _count(self) -> int:
        if self._file is None:
            return 0
        try:
            fields = dict(line.split() for line in self._file.read_text().splitlines())
            return int(fields.get("oom_kill", 0))
        except (OSError, ValueError):
            return 0


def _memory_events(pid: int) -> Path | None:
    """The file in which the kernel counts them (control groups, version 2)."""
    try:
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            hierarchy, _, group = line.split(":", 2)
            if hierarchy == "0":
                return Path(f"/sys/fs/cgroup{group}/memory.events")
    except (OSError, ValueError):
        pass
    return None
