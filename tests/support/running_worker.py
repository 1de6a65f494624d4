"""``run_worker.py`` as a process, with its output as it comes."""

import os
import signal
import subprocess
import sys
import threading
import uuid
from typing import Self

from tests.support.addresses import FREE_PORT
from tests.support.changed_worker import changed
from tests.support.paths import ROOT
from tests.support.processes import marked
from tests.support.waiting import PATIENCE, settled

SCRIPT = str(ROOT / "run_worker.py")

COMMAND = (sys.executable, SCRIPT)
"""The worker's command line, without options."""

PROGRAM = ("-X", "dev", SCRIPT)
"""What Python runs, with its debug checks on."""

PROMPT = changed()
"""The same, but the trainer is started at once, without the second for the sockets to connect."""

AT_ONCE = {"COVERAGE_PROCESS_START": ""}
"""Variables for a worker that is signalled while Python starts: where coverage is measured, what it
does then swallows a signal."""

PAGE = ("--port", "0")
"""The option for a page at a free port."""


TABLES = ("--log-level", "info")
"""The options for the tables that ``count`` reads, where the program is not a changed one."""


def at(control: str = FREE_PORT, progress: str = FREE_PORT) -> tuple[str, ...]:
    """The options for the addresses."""
    return ("--control-address", control, "--progress-address", progress)


FREE_PORTS = at()


class RunningWorker:
    """Started with ``arguments``; leaving kills what still runs.

    ``under`` is a command that runs the command behind it.
    """

    def __init__(
        self,
        *arguments: str,
        ports: tuple[str, ...] = FREE_PORTS,
        path: str = "",
        variables: dict[str, str] | None = None,
        program: tuple[str, ...] = PROMPT,
        under: tuple[str, ...] = (),
    ) -> None:
        self._mark = f"RUNNING_WORKER={uuid.uuid4()}"
        mark, value = self._mark.split("=")
        environment = {**os.environ, "COLUMNS": "100", **(variables or {}), mark: value}
        if path:
            environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
        self._process = subprocess.Popen(
            [*under, sys.executable, *program, *ports, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="worker-output")
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for process in marked(self._mark):
            os.kill(process, signal.SIGKILL)
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        """The worker's process."""
        return self._process.pid

    @property
    def output(self) -> str:
        """All of the output so far."""
        with self._news:
            return "".join(self._lines)

    def wait_for(self, text: str) -> str:
        """The line that contains ``text``."""
        with self._news:
            found = self._news.wait_for(
                lambda: next((line for line in self._lines if text in line), None), 2 * PATIENCE
            )
            assert found, f"{text!r} did not come:\n{''.join(self._lines)}"
            return found

    def link(self, what: str = "it at ") -> str:
        """The link to the page, as it is printed behind ``what``."""
        return self.wait_for(what).partition(what)[2].strip()

    def training(self) -> int:
        """The training's process, as it is printed at its start."""
        line = self.wait_for("training started (process ")
        return int(line.partition("(process ")[2].partition(")")[0])

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Ctrl-C, or another signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as nothing can keep it from."""
        self.interrupt(signal.SIGKILL)
        assert self.ends() == -signal.SIGKILL

    def ctrl_c(self) -> None:
        """Ctrl-C as a terminal sends it: to the whole process group in its foreground."""
        os.killpg(self._process.pid, signal.SIGINT)

    def interrupt_until_it_ends(self) -> None:
        """Ctrl-C again and again."""

        def ended() -> bool:
            if self._process.poll() is None:
                self.ctrl_c()
            return self._process.poll() is not None

        assert settled(ended), self.output

    def leaves_nothing(self) -> bool:
        """Whether all processes that it has started have ended."""
        return settled(lambda: not marked(self._mark))

    def ends(self) -> int:
        """The exit code; by then all output is there."""
        code = self._process.wait(3 * PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def count(self, row: str) -> int:
        """The number in the table's ``row``."""
        (line,) = [x for x in self.output.splitlines() if "│" in x and row in x.split("│")[1]]
        return int(line.split("│")[2])
