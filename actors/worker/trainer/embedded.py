"""A small trainer to try the worker with: ``python -m actors.worker.trainer.embedded``.

It really trains: a network of one hidden layer learns, by gradient descent, where a swinging
tail's tip is. To the worker it looks like sleap-nn: it connects a PUB and a SUB socket, sends the
same events with the same keys, and obeys ``{"command": "stop"}`` (and ``STOP``), polling its
control socket for up to 10 ms a batch. After a stop it still sends ``epoch_end`` and
``train_end``.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Final

import zmq

HIDDEN: Final = 12
BATCHES: Final = 20
BATCH_SIZE: Final = 16
LEARNING_RATE: Final = 0.05
JOIN_TIMEOUT: Final = 5000
"""Milliseconds that the worker is waited for; without one the training runs anyway."""


@dataclass
class Network:
    """tanh(w * t + b) units, summed up to the two coordinates of the tail's tip."""

    weights: list[float] = field(default_factory=lambda: _random(HIDDEN))
    biases: list[float] = field(default_factory=lambda: _random(HIDDEN))
    outputs: list[list[float]] = field(default_factory=lambda: [_random(HIDDEN), _random(HIDDEN)])

    def hidden(self, moment: float) -> list[float]:
        """What the hidden units say at ``moment``."""
        return [math.tanh(w * moment + b) for w, b in zip(self.weights, self.biases, strict=True)]

    def loss(self, moment: float, tip: tuple[float, float]) -> float:
        """The squared error at ``moment``."""
        hidden = self.hidden(moment)
        return sum((self._sum(c, hidden) - tip[c]) ** 2 for c in (0, 1)) / 2

    def learn(self, moment: float, tip: tuple[float, float]) -> float:
        """One step of gradient descent; the loss before it."""
        hidden = self.hidden(moment)
        errors = [self._sum(c, hidden) - tip[c] for c in (0, 1)]
        for unit in range(HIDDEN):
            back = sum(errors[c] * self.outputs[c][unit] for c in (0, 1))
            back *= 1 - hidden[unit] ** 2
            for c in (0, 1):
                self.outputs[c][unit] -= LEARNING_RATE * errors[c] * hidden[unit]
            self.weights[unit] -= LEARNING_RATE * back * moment
            self.biases[unit] -= LEARNING_RATE * back
        return sum(error**2 for error in errors) / 2

    def _sum(self, coordinate: int, hidden: list[float]) -> float:
        return sum(o * h for o, h in zip(self.outputs[coordinate], hidden, strict=True))


class Sockets:
    """The trainer's two sockets, connected as sleap-nn connects them."""

    def __init__(self, control_port: int, progress_port: int) -> None:
        self._context = zmq.Context()
        # An XPUB is a PUB that receives its subscriber's joining: the first message counts.
        self._progress = self._context.socket(zmq.XPUB)
        self._progress.linger = 1000
        self._progress.connect(f"tcp://127.0.0.1:{progress_port}")
        self._control = self._context.socket(zmq.SUB)
        self._control.linger = 0
        self._control.subscribe("")
        self._control.connect(f"tcp://127.0.0.1:{control_port}")
        if not self._progress.poll(JOIN_TIMEOUT):
            print("no worker listens: training without reports", flush=True)

    def send(self, event: str, **fields: Any) -> None:
        """Publish one event with sleap-nn's keys."""
        self._progress.send_string(json.dumps({"what": "", "event": event, **fields}))

    def stop_requested(self) -> bool:
        """Whether a control message that has come asks for the stop; waits for up to 10 ms."""
        if not self._control.poll(10):
            return False
        text = self._control.recv().decode(errors="replace")
        print(f"received control message: {text}", flush=True)
        if text == "STOP":
            return True
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return False
        return isinstance(message, dict) and message.get("command") == "stop"

    def close(self) -> None:
        """Close both; what was sent still goes out."""
        self._progress.close()
        self._control.close()
        self._context.term()


class NoSockets:
    """Trains without a worker."""

    def send(self, event: str, **fields: Any) -> None:
        """Nobody listens."""

    def stop_requested(self) -> bool:
        """Nobody can ask."""
        return False

    def close(self) -> None:
        """Nothing to close."""


def train(epochs: int, sockets: Sockets | NoSockets) -> None:
    """Fit the network, telling of each step."""
    random.seed(7)
    network = Network()
    training = [_example() for _ in range(BATCHES * BATCH_SIZE)]
    validation = [_example() for _ in range(BATCH_SIZE * 2)]
    sockets.send("train_begin", logs=None, wandb_url=None)
    stopped = False
    former: dict[str, float] = {}
    for epoch in range(epochs):
        began = time.monotonic()
        random.shuffle(training)
        sockets.send("epoch_begin", logs=None, epoch=epoch)
        losses = []
        for batch in range(BATCHES):
            sockets.send("batch_start", logs=None, batch=batch)
            examples = training[batch * BATCH_SIZE : (batch + 1) * BATCH_SIZE]
            losses.append(sum(network.learn(*example) for example in examples) / BATCH_SIZE)
            logs = {"loss": losses[-1], **former}
            sockets.send("batch_end", logs=logs, epoch=epoch, batch=batch)
            stopped = sockets.stop_requested()
            if stopped:
                break
        former = {
            "val/loss": sum(network.loss(*example) for example in validation) / len(validation),
            "epoch": float(epoch),
            "train/loss": sum(losses) / len(losses),
            "train/lr": LEARNING_RATE,
            "train/time": time.monotonic() - began,
        }
        sockets.send("epoch_end", logs={"loss": losses[-1], **former}, epoch=epoch)
        print(
            f"epoch {epoch + 1}: train loss {former['train/loss']:.4g}, "
            f"val loss {former['val/loss']:.4g}",
            flush=True,
        )
        if stopped:
            print("stopped early", flush=True)
            break
    sockets.send("train_end", logs=None)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="A small trainer to try the worker with.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--control-port", type=int, help="without ports, nothing is reported")
    parser.add_argument("--progress-port", type=int)
    options = parser.parse_args()
    sockets: Sockets | NoSockets = NoSockets()
    if options.control_port is not None and options.progress_port is not None:
        sockets = Sockets(options.control_port, options.progress_port)
    try:
        train(options.epochs, sockets)
    finally:
        sockets.close()
    return 0


def _random(count: int) -> list[float]:
    return [random.uniform(-1, 1) for _ in range(count)]


def _example() -> tuple[float, tuple[float, float]]:
    """A moment, and where the tip of the tail is then."""
    moment = random.uniform(-math.pi, math.pi)
    return moment, (math.sin(moment), 0.5 * math.cos(2 * moment))


if __name__ == "__main__":
    sys.exit(main())
