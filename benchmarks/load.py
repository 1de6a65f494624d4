"""What a trainer sends: messages of a real run's shape and size, each with its number and time."""

from __future__ import annotations

import json
import time
from typing import Final

BATCHES: Final = 40
"""Batches of an epoch, as in the recorded run; each has two messages."""

OF_EPOCH: Final = 2 * BATCHES + 2
"""Messages of an epoch: of its batches, its beginning and its end."""

METRICS: Final = {
    "train/lr": 0.0001,
    "train/head_loss": 0.00123456789,
    "train/tail_loss": 0.00198765432,
    "train/loss": 0.001610611,
    "train/time": 0.7317259311676025,
    "val/head_loss": 0.0011764705,
    "val/tail_loss": 0.0012345679,
    "val/loss": 0.0012055192,
    "val/time": 0.1034984588623047,
    "val/distance": 6.771086625734074,
}
"""The metrics that a batch_end and an epoch_end carry from the epoch before: about 600 bytes."""


def message(number: int) -> str:
    """The trainer's message number ``number``, sent at this moment."""
    epoch, place = divmod(number, OF_EPOCH)
    stamp = {"n": number, "t": time.monotonic_ns()}
    logs: dict[str, float] = {"loss": 1 / (number + 1)}
    fields: dict[str, object]
    if place == 0:
        fields = {"what": "", "event": "epoch_begin", "logs": None, "epoch": epoch}
    elif place == OF_EPOCH - 1:
        logs |= METRICS | {f"extra/{k}": v for k, v in METRICS.items()}
        fields = {"what": "", "event": "epoch_end", "logs": logs, "epoch": epoch}
    elif place % 2:
        fields = {"what": "", "event": "batch_start", "logs": None, "batch": place // 2}
    else:
        logs |= METRICS | {f"extra/{k}": v for k, v in METRICS.items()}
        fields = {
            "what": "",
            "event": "batch_end",
            "logs": logs,
            "epoch": epoch,
            "batch": place // 2 - 1,
        }
    return json.dumps({**fields, **stamp})


def stamp_of(text: str) -> tuple[int, int]:
    """The number and the time (ns) of a message, read from its end."""
    end = text.rindex('"n": ')
    number, _, rest = text[end + 5 :].partition(', "t": ')
    return int(number), int(rest.rstrip("}"))


def is_epoch(number: int) -> bool:
    """Whether the message is of an epoch's beginning or end."""
    return number % OF_EPOCH in (0, OF_EPOCH - 1)
