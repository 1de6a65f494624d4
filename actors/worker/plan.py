"""Plan: what is to be run and how it is to be shown, as the command line asks for it."""

from __future__ import annotations

import dataclasses
import logging
import shlex
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urlsplit

from actors.settings import PortConflict, ReporterSettings
from actors.worker.command_line import DEFAULT_PORT, RANDOM, PlanError, program, version
from actors.worker.outputs import JournalError, check_journal, open_journal
from actors.worker.trainer import (
    CONTROL_PORT,
    EMBEDDED,
    PROGRESS_PORT,
    checkpoint_folders,
    epochs_of,
    models_of,
)
from actors.worker.viewer import (
    Access,
    ViewerSettings,
    host_name,
    is_loopback,
    new_token,
    own_names,
)

if TYPE_CHECKING:
    import argparse

log = logging.getLogger(__name__)

DRAIN_TIMEOUT: Final = 30.0
"""Seconds that a slow client is given at the end for what is left of the run."""

REPLAY_LIMIT: Final = 100_000_000
REPLAY_BYTES: Final = 8 * 1024**3
"""What the log of a run that is shown again may hold: all of it, unless it is absurdly long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be run, and how it is to be shown.

    An empty ``command`` waits for a trainer that runs already. ``demonstrate`` shows the run
    through a WebRTC connection of this machine with itself. ``viewers`` is None when no page is to
    be served, ``journal`` the open file to write the run to. ``earlier`` is a journal whose run
    goes on, or which is shown again with ``replay``. ``again`` says how the run is seen again,
    ``has_tables`` asks for those of all epochs and counts at its end.
    """

    command: tuple[str, ...] = ()
    gui: bool = True
    settings: ReporterSettings = field(default_factory=ReporterSettings)
    title: str = ""
    epochs: int | None = None
    models: tuple[str, ...] = ()
    checkpoint_folders: tuple[Path, ...] = ()
    grace: float = 5.0
    demonstrate: bool = False
    viewers: ViewerSettings | None = None
    journal: IO[str] | None = None
    earlier: Path | None = None
    replay: bool = False
    keep_open: bool = False
    again: str | None = None
    has_tables: bool = False


def plan_of(options: argparse.Namespace) -> Plan:
    """What the command line asks for. Raises PlanError."""
    embedded = not (options.command or options.adopt or options.replay)
    command = _embedded_trainer(options) if embedded else options.command
    title = "the embedded trainer" if embedded else shlex.join(command)
    if options.adopt:
        title = "a training that runs already"
    elif options.replay:
        title = str(options.replay)
    replay = options.replay is not None
    if replay:
        _check_replay(options.replay)
    folders = (
        (options.checkpoints,) if options.checkpoints is not None else checkpoint_folders(command)
    )
    return Plan(
        command=command,
        gui=not options.no_gui,
        settings=_settings(options),
        title=title,
        epochs=epochs_of(command),
        models=models_of(command),
        checkpoint_folders=() if embedded or options.adopt or replay else folders,
        grace=options.grace,
        demonstrate=embedded and not options.no_gui,
        viewers=None if options.no_gui or options.no_page else _viewers(options, title),
        journal=None if options.journal is None else _journal(options),
        earlier=options.replay or (options.journal if options.adopt else None),
        replay=replay,
        keep_open=options.keep_open,
        again=None if options.no_gui or replay else _again(options),
        has_tables=options.log_level in ("debug", "info"),
    )


def _again(options: argparse.Namespace) -> str:
    if options.journal is None:
        return "it was not kept; --journal FILE keeps the next run"
    return f"{program()} --replay {shlex.quote(str(options.journal))}"


def _check_replay(path: Path) -> None:
    try:
        check_journal(path)
    except JournalError as error:
        raise PlanError(str(error)) from error


def _journal(options: argparse.Namespace) -> IO[str]:
    try:
        return open_journal(options.journal, go_on=options.adopt)
    except JournalError as error:
        raise PlanError(str(error)) from error


def _settings(options: argparse.Namespace) -> ReporterSettings:
    if options.replay is not None:
        return ReporterSettings(
            control_address=None,
            progress_address=None,
            drain_timeout=DRAIN_TIMEOUT,
            log_limit=REPLAY_LIMIT,
            log_bytes=REPLAY_BYTES,
        )
    settings = ReporterSettings(
        control_address=options.control_address,
        progress_address=options.progress_address,
        on_port_conflict=PortConflict.FREE if options.any_port else PortConflict.FAIL,
        control_encoding=options.control_encoding,
        drain_timeout=DRAIN_TIMEOUT,
    )
    # A trainer that runs already has nothing to wait for, and may be stopped at once.
    return dataclasses.replace(settings, connect_wait=0.0) if options.adopt else settings


def _viewers(options: argparse.Namespace, title: str) -> ViewerSettings:
    host = options.host.strip("[]")
    if not is_loopback(host) and options.certfile is None:
        log.warning(
            "the page is served at %s without TLS: whoever sees the traffic can read the token and "
            "stop the training; use --certfile, or 127.0.0.1 and an ssh tunnel",
            host,
        )
    watch = options.read_only_token
    return ViewerSettings(
        access=Access(
            options.token or new_token(),
            new_token() if watch == RANDOM else watch,
            names=own_names() | {host.lower()} | {_allowed(name) for name in options.allow_host},
        ),
        host=host,
        port=DEFAULT_PORT if options.port is None else options.port,
        free_port_if_in_use=options.port is None,
        ice_servers=tuple(options.ice_server),
        certfile=options.certfile,
        keyfile=options.keyfile,
        title=title,
        host_name=socket.gethostname(),
        version=version(),
        replay=options.replay is not None,
    )


def _allowed(text: str) -> str:
    """The name of a host, out of what somebody may write for it. Raises PlanError."""
    try:
        address = text.count(":") > 1 and not {"[", "/"} & {*text}
        where = f"[{text}]" if address else urlsplit(text if "//" in text else f"//{text}").netloc
        name = host_name(where.encode("idna").decode())  # as browsers write it
    except ValueError:
        name = None
    if name is None or "*" in name:
        raise PlanError(f"--allow-host takes the whole name of a host, and {text!r} is none")
    return name


def _embedded_trainer(options: argparse.Namespace) -> tuple[str, ...]:
    # By its path, and -P: it is found from every folder and imports nothing of this one.
    command = (sys.executable, "-P", str(EMBEDDED), "--epochs", str(options.epochs))
    if options.no_gui:
        return command
    return (*command, "--control-port", CONTROL_PORT, "--progress-port", PROGRESS_PORT)
