"""What a fork of this process must not keep: the descriptors of its bound ZeroMQ sockets.

A child made by ``os.fork`` (a DataLoader's worker, say) has a copy of every descriptor. As long as
it lives the address stays in use, and a trainer stays connected to a copy that nobody reads. So the
child closes what it has inherited of them; it takes no lock, logs nothing and calls nothing of
ZeroMQ. Closing leaves the parent's connection as it is, where a ``shutdown`` would end it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Final

_inherited: Final[dict[int, int]] = {}
"""The descriptors, each with its inode: another file may have taken the number meanwhile."""


def note(descriptor: int) -> None:
    """Have forks close ``descriptor``, a listening or connected socket of this process."""
    with suppress(OSError):
        found = os.fstat(descriptor)
        if stat.S_ISSOCK(found.st_mode):
            _inherited[descriptor] = found.st_ino


def forget(descriptor: int) -> None:
    """It is closed."""
    _inherited.pop(descriptor, None)


def _close_inherited() -> None:
    for descriptor, inode in _inherited.items():
        with suppress(OSError):
            if os.fstat(descriptor).st_ino == inode:
                os.close(descriptor)
    _inherited.clear()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_close_inherited)
