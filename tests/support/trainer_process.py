"""A trainer's process that does one step of its command line after the other.

``send:N`` sends N reports at once, ``send-large:N`` N large ones as fast as they are taken up,
``send-every:SECONDS`` one after the other without end, ``send-evenly:RATE:N`` N at so many a
second, ``send-file:PATH`` the JSON strings of a file's lines, ``say:TEXT`` sends that,
``print:TEXT`` writes a line, ``touch:PATH`` makes a file, ``read:PATH`` waits at a gate, ``join``
waits for the worker to subscribe again, ``hear:PATH`` counts the control messages into a file until
no more come and sends a report for each, ``write:PATH`` writes the first control message there,
``ignore-term`` is deaf to TERM, ``leave`` sends what is unsent, and ``exit:CODE`` ends.
"""

import itertools
import json
import signal
import sys
import time
from pathlib import Path

import zmq

JOIN = 20_000
"""Milliseconds that the worker may take to subscribe."""

SILENCE = 2_000
"""Milliseconds after which no more control messages come."""


def trainer(*steps: str) -> tuple[str, ...]:
    """The command of a trainer that does ``steps`` and is told its ports."""
    return (sys.executable, "-P", __file__, "{control_port}", "{progress_port}", *steps)


def large_report(number: int) -> str:
    """A report of 20 KB."""
    return f'{{"what": "", "event": "batch_end", "batch": {number}, "x": "{"x" * 20_000}"}}'


class Trainer:
    """Connects both sockets as sleap-nn does; what it sends is never dropped on its side."""

    def __init__(self, control: str, progress: str) -> None:
        self._context = zmq.Context()
        self._control = self._context.socket(zmq.SUB)
        self._control.subscribe("")
        self._control.connect(f"tcp://127.0.0.1:{control}")
        self._progress = self._context.socket(zmq.XPUB)
        self._progress.sndhwm = 0
        self._progress.setsockopt(zmq.XPUB_VERBOSE, 1)  # tells of each subscription
        self._progress.connect(f"tcp://127.0.0.1:{progress}")
        self._join()
        self._numbers = itertools.count()

    def do(self, step: str) -> None:
        """Do one step."""
        what, _, value = step.partition(":")
        match what:
            case "send":
                for _ in range(int(value)):
                    self._send()
            case "send-large":
                for _ in range(int(value)):
                    self._progress.send_string(large_report(next(self._numbers)))
                    time.sleep(0.003)  # or they would wait in the worker's socket
            case "send-every":
                while True:
                    self._send()
                    time.sleep(float(value))
            case "send-evenly":
                rate, count = map(int, value.split(":"))
                began = time.monotonic()
                for number in range(count):
                    if number % (rate // 100) == 0:  # a hundred times a second
                        time.sleep(max(0.0, began + number / rate - time.monotonic()))
                    self._send()
            case "send-file":
                for number, line in enumerate(Path(value).read_text().splitlines(), 1):
                    self._progress.send_string(json.loads(line))
                    if number % 200 == 0:
                        time.sleep(0.005)  # pacing of the sender
            case "say":
                self._progress.send_string(value)
            case "print":
                print(value, flush=True)
            case "touch":
                Path(value).touch()
            case "read":
                with Path(value).open() as gate:
                    gate.readline()
            case "hear":
                heard = 0
                while self._control.poll(JOIN if not heard else SILENCE):
                    self._control.recv()
                    heard += 1
                    self._send()
                Path(value).write_text(str(heard))
            case "write":
                assert self._control.poll(JOIN)
                Path(value).write_bytes(self._control.recv())
            case "join":
                self._join()
            case "ignore-term":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            case "leave":
                self._context.destroy(linger=-1)
            case "exit":
                sys.exit(int(value))
            case _:
                raise ValueError(step)

    def _join(self) -> None:
        while self._progress.poll(JOIN):
            if self._progress.recv() == b"\x01":
                return
        raise TimeoutError("the worker has not subscribed")

    def _send(self) -> None:
        number = next(self._numbers)
        report = f'{{"what": "", "event": "batch_end", "batch": {number}}}'
        self._progress.send_string(report)


if __name__ == "__main__":
    this = Trainer(*sys.argv[1:3])
    for step in sys.argv[3:]:
        this.do(step)
