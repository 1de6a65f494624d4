"""A process, as Linux tells of it in ``/proc``. Next to nothing is imported: the keeper uses it."""

from typing import Final, NamedTuple

_DEAD: Final = "ZXx"
"""States of a process that has ended and is not waited for yet."""


class Process(NamedTuple):
    """A process; ``began`` (ticks since the system's start) tells it from a later one."""

    pid: int
    parent: int
    session: int
    state: str
    began: int
    name: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name})"

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self.state not in _DEAD


def process(pid: int) -> Process | None:
    """The process ``pid``; None when there is none, or the system does not tell."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode(errors="replace")
        _, _, rest = text.partition("(")
        name, _, rest = rest.rpartition(")")
        fields = rest.split()
        return Process(pid, int(fields[1]), int(fields[3]), fields[0], int(fields[19]), name)
    except (OSError, ValueError, IndexError):
        return None
