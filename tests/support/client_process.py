"""A client of the page as a process of its own, which can be killed or stopped.

Run as a module it prints what it receives, a message a line, until the connection is closed.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.support.page_client import WEBSOCKET, PageClient
from tests.support.paths import ROOT
from tests.support.waiting import settled


class ClientProcess:
    """What it has received is in ``file``, also when it has been killed."""

    def __init__(self, link: str, name: str, file: Path, transport: str = WEBSOCKET) -> None:
        self._file = file
        with file.open("wb") as output:
            self._process = subprocess.Popen(
                (sys.executable, "-u", "-m", __name__, link, name, transport),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def reports(self) -> list[str]:
        """The trainer's messages that came whole."""
        text, _, _ = self._file.read_text(encoding="utf-8").rpartition("\n")
        return [line for line in text.splitlines() if '"__meta__"' not in line]

    def wait_for(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """Its reports, as soon as ``condition`` holds of them."""
        assert settled(lambda: condition(self.reports)), f"only {len(self.reports)} reports came"
        return self.reports

    def stop(self) -> None:
        """It does nothing any more, and says nothing: as a machine that is away."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """It is gone without a goodbye; its system closes its sockets."""
        self._process.kill()
        self._process.wait()


def main(link: str, name: str, transport: str) -> None:
    """Print what comes."""
    with PageClient(link, name, transport) as client:
        printed = 0
        while not client.closed.is_set() or printed < len(client.messages):
            client.closed.wait(0.02)
            came = client.messages[printed:]
            sys.stdout.write("".join(f"{message}\n" for message in came))
            printed += len(came)


if __name__ == "__main__":
    main(*sys.argv[1:4])
