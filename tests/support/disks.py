"""File systems that are a test's own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.waiting import settled


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """One in memory, at ``folder``; where none can be mounted the test is skipped."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts file systems")
    mount = ("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this system mounts nothing")
    try:
        yield
    finally:
        umount = ("umount", str(folder))
        assert settled(lambda: subprocess.run(umount, check=False).returncode == 0)
