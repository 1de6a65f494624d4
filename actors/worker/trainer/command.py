"""The trainer's command line: which trainer it is, and how it gets its ports. Pure functions."""

from __future__ import annotations

import itertools
from pathlib import Path, PurePath
from typing import Final

CONTROL_PORT: Final = "{control_port}"
PROGRESS_PORT: Final = "{progress_port}"

EMBEDDED: Final = Path(__file__).with_name("embedded.py")
"""The small trainer to try the worker with, a program of its own."""


def is_sleap_nn(command: tuple[str, ...]) -> bool:
    """Whether ``sleap-nn train`` stands in the command, also behind a launcher such as srun."""
    return any(
        _program(program) == "sleap-nn" and argument == "train"
        for program, argument in itertools.pairwise(command)
    )


def is_sleap_train(command: tuple[str, ...]) -> bool:
    """Whether the older ``sleap-train`` stands in the command."""
    return any(_program(word) == "sleap-train" for word in command)


def _program(word: str) -> str:
    return PurePath(word).name.removesuffix(".exe")


def has_placeholders(command: tuple[str, ...]) -> bool:
    """Whether the command asks for the ports to be filled in."""
    return any(CONTROL_PORT in word or PROGRESS_PORT in word for word in command)


def is_told_ports(command: tuple[str, ...], ports: tuple[int, ...]) -> bool:
    """Whether the trainer receives the ports by ``command``, or has one of ``ports`` in it."""
    if has_placeholders(command) or is_sleap_nn(command) or is_sleap_train(command):
        return True
    return any(str(port) in word for port in ports for word in command)


def with_ports(
    command: tuple[str, ...], *, control_port: int, progress_port: int
) -> tuple[str, ...]:
    """The command with the ports filled in.

    They are appended for sleap-nn and sleap-train, each unless the command sets it itself.
    """
    filled = tuple(
        word.replace(CONTROL_PORT, str(control_port)).replace(PROGRESS_PORT, str(progress_port))
        for word in command
    )
    if is_sleap_nn(command):
        # With ++ Hydra sets a key whether or not the training's configuration has it.
        options = {
            "trainer_config.zmq.controller_port": f"={control_port}",
            "trainer_config.zmq.publish_port": f"={progress_port}",
        }
        return filled + tuple(
            f"++{key}{value}"
            for key, value in options.items()
            if not any(word.lstrip("+").startswith(f"{key}=") for word in filled)
        )
    if is_sleap_train(command):
        missing: tuple[str, ...] = () if "--zmq" in filled else ("--zmq",)
        for option, port in (
            ("--controller_port", control_port),
            ("--publish_port", progress_port),
        ):
            if not any(word == option or word.startswith(f"{option}=") for word in filled):
                missing += (option, str(port))
        return filled + missing
    return filled
