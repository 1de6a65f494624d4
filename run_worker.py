"""A complete worker: runs a training and lets people watch and stop it.

Without a command it runs a small embedded trainer, the whole chain on this one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import gc
import logging
import os
import shlex
import signal
import socket
import sys

from rich.console import Console
from rich.logging import RichHandler

from actors import ControlEncoding, PortConflict, ReporterSettings
from actors.worker.command_line import DEFAULT_PORT, parse, version
from actors.worker.outputs import JournalError, WorkerConsole, open_journal
from actors.worker.standalone import (
    DRAIN_TIMEOUT,
    EXIT_NOT_STARTED,
    REPLAY_BYTES,
    REPLAY_LIMIT,
    Plan,
    Standalone,
)
from actors.worker.trainer import (
    CONTROL_PORT,
    PROGRESS_PORT,
    checkpoint_folders,
    embedded,
    epochs_of,
    is_sleap_nn,
    is_sleap_train,
)
from actors.worker.viewer import Access, ViewerSettings, is_loopback, own_names
from messages import CancelTraining, StopTraining

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run the worker; the exit code."""
    options = parse(arguments)
    console, errors = WorkerConsole(quiet=options.quiet), Console(stderr=True)
    logging.basicConfig(
        level=options.log_level.upper(),
        format="%(name)s: %(message)s",
        handlers=[RichHandler(console=errors if options.quiet else console, show_path=False)],
    )
    try:
        plan = _plan(options)
    except JournalError as error:
        errors.print(f"error: {error}", soft_wrap=True, highlight=False)
        return EXIT_NOT_STARTED
    exit_code = asyncio.run(run(plan, console, errors))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the training is over: its exit code stands
    return exit_code


async def run(plan: Plan, console: Console, errors: Console) -> int:
    """Run the worker on this event loop, with the signals as its orders."""
    # A full garbage collection of all that was imported holds up the event loop for 15 ms.
    gc.freeze()
    loop = asyncio.get_running_loop()
    standalone = Standalone(plan, console=console, errors=errors)
    interrupts = 0

    def interrupted() -> None:
        nonlocal interrupts
        interrupts += 1
        standalone.worker.tell(StopTraining() if interrupts == 1 else CancelTraining())
        standalone.let_go()

    def terminated() -> None:
        standalone.worker.tell(CancelTraining())
        standalone.let_go()

    loop.add_signal_handler(signal.SIGINT, interrupted)
    loop.add_signal_handler(signal.SIGTERM, terminated)
    loop.add_signal_handler(
        signal.SIGHUP,
        log.warning,
        "the terminal is gone, the training goes on: stop it on its page, or with SIGTERM to %d",
        os.getpid(),
    )
    return await standalone.run()


def _plan(options: argparse.Namespace) -> Plan:
    """What the command line asks for. Raises JournalError."""
    embedded = not (options.command or options.adopt or options.replay)
    command = _embedded_trainer(options) if embedded else options.command
    title = "the embedded trainer" if embedded else shlex.join(command)
    if options.adopt:
        title = "a training that runs already"
    elif options.replay:
        title = str(options.replay)
    replay = options.replay is not None
    folders = (
        (options.checkpoints,) if options.checkpoints is not None else checkpoint_folders(command)
    )
    return Plan(
        command=command,
        gui=not options.no_gui,
        settings=_settings(options, command),
        title=title,
        epochs=epochs_of(command),
        checkpoint_folders=() if embedded or options.adopt or replay else folders,
        grace=options.grace,
        demonstrate=embedded and not options.no_gui,
        viewers=None if options.no_gui or options.no_page else _viewers(options, title),
        journal=None
        if options.journal is None
        else open_journal(options.journal, go_on=options.adopt),
        earlier=options.replay or (options.journal if options.adopt else None),
        replay=replay,
        keep_open=options.keep_open,
    )


def _settings(options: argparse.Namespace, command: tuple[str, ...]) -> ReporterSettings:
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
        control_encoding=_encoding(options, command),
        drain_timeout=DRAIN_TIMEOUT,
    )
    # A trainer that runs already has nothing to wait for, and may be stopped at once.
    return dataclasses.replace(settings, connect_wait=0.0) if options.adopt else settings


def _viewers(options: argparse.Namespace, title: str) -> ViewerSettings:
    if not is_loopback(options.host) and options.certfile is None:
        logging.getLogger(__name__).warning(
            "the page is served at %s without TLS: whoever sees the traffic can read the token and "
            "stop the training; use --certfile, or 127.0.0.1 and an ssh tunnel",
            options.host,
        )
    return ViewerSettings(
        access=Access(
            options.token,
            options.read_only_token,
            names=own_names() | {options.host.lower()} | {n.lower() for n in options.allow_host},
        ),
        host=options.host,
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


def _embedded_trainer(options: argparse.Namespace) -> tuple[str, ...]:
    # By its path, and -P: it is found from every folder and imports nothing of this one.
    command = (sys.executable, "-P", embedded.__file__, "--epochs", str(options.epochs))
    if options.no_gui:
        return command
    return (*command, "--control-port", CONTROL_PORT, "--progress-port", PROGRESS_PORT)


def _encoding(options: argparse.Namespace, command: tuple[str, ...]) -> ControlEncoding:
    if options.control_encoding is not None:
        chosen: ControlEncoding = options.control_encoding
        return chosen
    if is_sleap_nn(command) or is_sleap_train(command):
        return ControlEncoding.SLEAP_NN
    return ControlEncoding.VERBATIM


if __name__ == "__main__":
    sys.exit(main())
