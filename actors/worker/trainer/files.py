"""The files of a training: its configuration, and the checkpoints that it writes."""

from __future__ import annotations

import csv
import itertools
import math
import os
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actors.worker.bounded import regular
from messages import EpochRead, index_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKPOINT_ENDINGS: Final = (".ckpt", ".h5", ".keras", ".pt", ".pth", ".safetensors")

SCAN_TIME: Final = 2.0
SCAN_ENTRIES: Final = 50_000
SCAN_DEPTH: Final = 6
"""What looking for checkpoints may cost, in seconds, directory entries and levels: the folder may
be somebody's home."""

EPOCH_LOG: Final = "training_log.csv"
"""Where sleap-nn writes a row for each epoch."""

CONFIG_ENDINGS: Final = (".yaml", ".yml", ".json")

RUN_CONFIGS: Final = ("training_config.yaml", "initial_config.yaml")
"""The training's configuration as sleap-nn writes it into the folder of its model."""

MAX_EPOCH_LOG: Final = 16 * 1024 * 1024
"""Characters of it that are read."""

MAX_CONFIG: Final = 1024 * 1024
"""Bytes of a configuration file that are read."""

_EPOCHS_OPTION: Final = re.compile(
    r"^(?:\+*trainer_config\.max_epochs|--?(?:max_)?epochs)[=\n](\d+)$", re.MULTILINE
)
_EPOCHS: Final = re.compile(r"""^\s*["']?(?:max_epochs|epochs)["']?\s*[:=]\s*(\d+)""", re.MULTILINE)
_PUBLISH_PORT: Final = re.compile(r"^\s*publish_port:\s*(\d{1,5})\s*$", re.MULTILINE)
_FOLDER: Final = re.compile(
    r"""^\s*["']?(?:ckpt_dir|runs_folder)["']?\s*[:=]\s*["']?([^"'\n#,]+)""", re.MULTILINE
)


def epochs_of(command: tuple[str, ...]) -> int | None:
    """How many epochs the training has at most, where its command or configuration says so."""
    found = _EPOCHS_OPTION.findall("\n".join(command)) or _in_configuration(command, _EPOCHS)
    return index_of(float(found[-1])) or None if found else None


def checkpoint_folders(command: tuple[str, ...]) -> tuple[Path, ...]:
    """Where the training saves its model: where it says so, or else the current folder."""
    found = re.findall(r"^\+*trainer_config\.ckpt_dir=(.+)$", "\n".join(command), re.MULTILINE)
    found = found or [folder.strip() for folder in _in_configuration(command, _FOLDER)]
    known = [Path(folder) for folder in found if folder and folder not in ("null", "None", "~")]
    return tuple(known) or (Path(),)


def checkpoints_since(
    folders: tuple[Path, ...], since: float, port: int | None = None
) -> tuple[str, ...] | None:
    """The checkpoints below ``folders`` that were written after ``since`` (seconds), newest first.

    They are those of the training that reports to ``port``, where their folders say so. None where
    there are those of other trainings alone. It may not find all of them in a very large folder.
    """
    found, others = _written_since(folders, since, port, _is_checkpoint)
    if others and not found:
        return None
    return tuple(str(path) for _, path in sorted(found, reverse=True))


def _is_checkpoint(name: str) -> bool:
    return name.endswith(CHECKPOINT_ENDINGS)


def _written_since(
    folders: tuple[Path, ...], since: float, port: int | None, is_wanted: Callable[[str], bool]
) -> tuple[list[tuple[float, Path]], bool]:
    """The files that were written after ``since``, each with the time of that.

    They are of the training that reports to ``port``; if no folder says that it is of that one, of
    those that do not say it. Whether there were those of others, too.
    """
    ours, unsaid, others = [], [], False
    for place, found in _places_written_since(folders, since, is_wanted):
        told = None if port is None else port_told_in(place)
        if told is None:
            unsaid += found
        elif told == port:
            ours += found
        else:
            others = True
    return ours or unsaid, others


def port_told_in(folder: Path) -> int | None:
    """The port to which the training reports whose folder this is, where sleap-nn wrote that."""
    for name in RUN_CONFIGS:
        found = _PUBLISH_PORT.search(beginning(folder / name))
        if found:
            return int(found[1])
    return None


def _places_written_since(
    folders: tuple[Path, ...], since: float, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[Path, list[tuple[float, Path]]]]:
    deadline = time.monotonic() + SCAN_TIME
    entries = 0
    for folder in folders:
        for place, below, names in _walked(folder):
            depth = len(Path(place).relative_to(folder).parts)
            below[:] = [b for b in below if not b.startswith(".")] if depth < SCAN_DEPTH else []
            entries += len(names)
            found = []
            for name in filter(is_wanted, names):
                path = Path(place, name)
                try:
                    written = path.stat().st_mtime
                except OSError:
                    continue
                if written >= since:
                    found.append((written, path))
            if found:
                yield Path(place), found
            if entries > SCAN_ENTRIES or time.monotonic() > deadline:
                break


def _walked(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    try:
        yield from os.walk(folder)
    except ValueError:
        pass  # it is no path


def epochs_logged(
    folders: tuple[Path, ...], since: float, port: int | None = None
) -> tuple[EpochRead, ...]:
    """The epochs in the newest of sleap-nn's logs below ``folders`` written after ``since``.

    ``since`` is in seconds; the log is of the training that reports to ``port``, where its folder
    says so. Empty when there is none. The training loss of a row is that of the
    epoch before, as sleap-nn writes it, if the first row has none.
    """
    logs, _ = _written_since(folders, since, port, lambda name: name == EPOCH_LOG)
    if not logs:
        return ()
    epochs: dict[int, EpochRead] = {}
    try:
        with max(logs)[1].open(encoding="utf-8", errors="replace", newline="") as file:
            text = file.read(MAX_EPOCH_LOG)
        whole = text[: text.rfind("\n") + 1]  # the last row may be being written
        rows = list(csv.DictReader(whole.splitlines()))
    except (OSError, csv.Error):
        return ()
    is_late: bool | None = None
    for row in rows:
        epoch = index_of(_number(row.get("epoch")))
        if epoch is None:
            continue
        train_loss = _number(row.get("train_loss") or row.get("train/loss"))
        val_loss = _number(row.get("val_loss") or row.get("val/loss"))
        if is_late is None:
            is_late = train_loss is None
        if is_late:
            if epoch - 1 in epochs:
                epochs[epoch - 1] = replace(epochs[epoch - 1], train_loss=train_loss)
            train_loss = None
        epochs[epoch] = EpochRead(epoch=epoch, train_loss=train_loss, val_loss=val_loss)
    return tuple(epochs[number] for number in sorted(epochs))


def _number(text: object) -> float | None:
    try:
        value = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _in_configuration(command: tuple[str, ...], pattern: re.Pattern[str]) -> list[str]:
    """What ``pattern`` finds in the configuration files that the command names."""
    return [found for path in configurations(command) for found in pattern.findall(beginning(path))]


def beginning(path: Path) -> str:
    """The text of a file, as far as it is read; empty where it cannot be."""
    try:
        with open(path, encoding="utf-8", errors="replace", opener=regular) as file:
            return file.read(MAX_CONFIG)
    except (OSError, ValueError):  # ValueError: it is no path
        return ""


def configurations(command: tuple[str, ...]) -> list[Path]:
    """The configuration files that the command names, whether or not they exist."""
    named: dict[str, str] = {}
    paths = []
    for option, value in itertools.pairwise((*command, "")):
        if option in ("--config-dir", "--config-path", "-d", "--config-name", "-c"):
            named[option] = value
        if option.endswith(CONFIG_ENDINGS):
            paths.append(Path(option))
    folder = named.get("--config-dir") or named.get("--config-path") or named.get("-d")
    name = named.get("--config-name") or named.get("-c")
    if folder is not None and name is not None:
        paths += [Path(folder, name), Path(folder, f"{name}.yaml")]
    return paths
