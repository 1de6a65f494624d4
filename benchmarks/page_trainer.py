"""A trainer that sends so many reports a second, once somebody opens the gate.

Its arguments: the progress port, the gate (a named pipe), the rate, and how many reports.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import zmq


def main() -> None:
    """Send the reports, and wait until all are out."""
    port, gate, rate, count = sys.argv[1:]
    socket: zmq.Socket[bytes] = zmq.Context().socket(zmq.XPUB)
    socket.setsockopt(zmq.LINGER, 5000)
    socket.connect(f"tcp://127.0.0.1:{port}")
    socket.recv()  # the worker has subscribed
    Path(gate).read_text()
    began = time.monotonic()
    for number in range(int(count)):
        time.sleep(max(0.0, began + number / float(rate) - time.monotonic()))
        socket.send_string(_report(number))
    time.sleep(2.0)
    socket.close()


def _report(number: int) -> str:
    epoch, batch = divmod(number // 2, 100)
    if number == 0:
        return json.dumps({"what": "", "event": "train_begin", "logs": None, "wandb_url": None})
    if number % 2:
        return json.dumps({"what": "", "event": "batch_start", "logs": None, "batch": batch})
    logs = {"loss": 1 / (number + 1), **{f"train/part_{i}": 0.1 * i for i in range(4)}}
    fields = {"what": "", "event": "batch_end", "logs": logs}
    return json.dumps({**fields, "batch": batch, "epoch": epoch})


if __name__ == "__main__":
    main()
