"""The embedded trainer as a process, alone or with the two sockets that a worker would have."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import zmq

from actors.worker.trainer import EMBEDDED
from tests.support.addresses import port_of
from tests.support.waiting import PATIENCE


class EmbeddedRun:
    """Binds both sockets; everything is used on the test's thread."""

    def __init__(self) -> None:
        self.output = ""
        self._process: subprocess.Popen[bytes] | None = None
        # A pipe that nobody reads would stall it.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the run
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        # An XPUB hands out the trainer's subscription: from then on no command is lost.
        self._control = self._context.socket(zmq.XPUB)
        self._progress = self._context.socket(zmq.SUB)
        self._progress.subscribe("")
        for socket in (self._control, self._progress):
            socket.linger = 0
        self._control_port = self._control.bind_to_random_port("tcp://127.0.0.1")
        self._progress_port = self._progress.bind_to_random_port("tcp://127.0.0.1")

    def start(self, *options: str) -> None:
        """Start the trainer and wait until it has joined."""
        self.start_alone(
            *options,
            f"--control-port={self._control_port}",
            f"--progress-port={self._progress_port}",
        )
        assert self._control.poll(int(PATIENCE * 1000)), "the trainer has not joined"
        assert self._control.recv() == b"\x01", "the trainer has not subscribed to everything"

    def start_alone(self, *options: str, join_timeout: int | None = None) -> None:
        """Start the trainer; it waits for a worker for 5 s, or so many milliseconds."""
        program: tuple[str, ...] = ("-P", str(EMBEDDED))
        if join_timeout is not None:
            script = "import sys; from actors.worker.trainer import embedded as trainer; "
            script += f"trainer.JOIN_TIMEOUT = {join_timeout}; sys.exit(trainer.main())"
            program = ("-c", script)
        self._process = subprocess.Popen(
            (sys.executable, *program, *options),
            stdout=self._file,
            stderr=subprocess.STDOUT,
        )

    def command(self, *frames: bytes) -> None:
        """Publish a command."""
        self._control.send_multipart(frames)

    def until(self, event: str, epoch: int | None = None) -> list[dict[str, Any]]:
        """The messages up to and with this one."""
        messages: list[dict[str, Any]] = []
        while True:
            self._wait_for_message(f"no message after {messages[-3:]}")
            messages.append(json.loads(self._progress.recv().decode()))
            if messages[-1]["event"] == event and messages[-1].get("epoch") == epoch:
                return messages

    def _wait_for_message(self, complaint: str) -> None:
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE
        while not self._progress.poll(100):
            ended = self._process.poll() is not None and not self._progress.poll(100)
            assert not ended, f"{complaint}, it has ended: {self.exit_code()}, {self.output[-500:]}"
            assert time.monotonic() < deadline, complaint

    def to_its_end(self) -> list[dict[str, Any]]:
        """The messages to the last one, of a trainer that ends with 0."""
        messages = self.until("train_end")
        assert self.exit_code() == 0, self.output
        assert not self._progress.poll(0), "there is a message after the last one"
        return messages

    def exit_code(self) -> int:
        """The exit code, when it has ended."""
        assert self._process is not None
        code = self._process.wait(PATIENCE)
        self._file.seek(0)
        self.output = self._file.read().decode()
        return code

    def close(self) -> None:
        """End the trainer, if it runs, and close both sockets."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
        self._file.close()
        self._control.close()
        self._progress.close()
        self._context.term()


@contextmanager
def embedded_trainer(control: str, progress: str) -> Iterator[subprocess.Popen[bytes]]:
    """One that trains until it is told to stop, for a worker at these addresses."""
    ports = f"--control-port={port_of(control)}", f"--progress-port={port_of(progress)}"
    trainer = subprocess.Popen(
        (sys.executable, "-P", str(EMBEDDED), "--epochs=100000", *ports),
        stdout=subprocess.DEVNULL,
    )
    try:
        yield trainer
    finally:
        trainer.kill()
        trainer.wait()
