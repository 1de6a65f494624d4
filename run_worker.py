"""A complete worker: runs a training and lets people watch and stop it.

Without a command it runs a small embedded trainer, the whole chain on this one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import logging
import os
import shlex
import signal
import socket
import sys
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

from actors import ControlEncoding, PortConflict, ReporterSettings, embedded_trainer
from actors.journal import JournalError, open_journal
from actors.standalone import (
    DRAIN_TIMEOUT,
    EXIT_NOT_STARTED,
    REPLAY_BYTES,
    REPLAY_LIMIT,
    Plan,
    Standalone,
)
from actors.terminal import WorkerConsole
from actors.trainer_command import CONTROL_PORT, PROGRESS_PORT, is_sleap_nn, is_sleap_train
from actors.training_files import checkpoint_folders, epochs_of
from actors.viewer_access import MIN_TOKEN, Access, is_loopback, new_token, own_names
from actors.viewer_server import ViewerSettings
from messages import CancelTraining, StopTraining

DEFAULT_PORT = 8765
"""Where the page is served unless somebody else listens there already."""

TOKEN_VARIABLE = "SLEAP_PROGRESS_TOKEN"  # noqa: S105 - the variable's name
READ_ONLY_TOKEN_VARIABLE = "SLEAP_PROGRESS_READ_ONLY_TOKEN"  # noqa: S105 - the variable's name

EPILOG = f"""\
the training command:
  {CONTROL_PORT} and {PROGRESS_PORT} in it are filled in; for 'sleap-nn train' and 'sleap-train'
  the options that set them are appended. The exit code is the trainer's.

the page:
  The link that is printed opens it in a browser. From elsewhere, forward the port first:
    ssh -L {DEFAULT_PORT}:127.0.0.1:{DEFAULT_PORT} gpu-box

Ctrl-C asks the trainer to stop and waits for it; a second Ctrl-C ends it (TERM, then KILL).

examples:
  run_worker.py                                     an embedded training, to see it work
  run_worker.py -- sleap-nn train config.yaml
  run_worker.py --journal run.jsonl -- sleap-nn train config.yaml
  run_worker.py --replay run.jsonl                  a run that is over, in the same page
  run_worker.py -- python my_training.py --ports {CONTROL_PORT} {PROGRESS_PORT}
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; exits with code 2 and a usage line where it is wrong."""
    parser = _parser()
    words = sys.argv[1:] if arguments is None else arguments
    end = words.index("--") if "--" in words else len(words)
    options, unknown = parser.parse_known_args(words[:end])
    options.command = tuple(words[end + 1 :])
    if options.stray:
        meant = words[words.index(options.stray[0]) : end]
        parser.error(f"put -- before the training command: -- {' '.join(meant)}")
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if end < len(words) and not options.command:
        parser.error("no training command follows --")
    _check(parser, options)
    return options


def _parser() -> argparse.ArgumentParser:
    defaults = ReporterSettings()
    parser = argparse.ArgumentParser(
        prog="run_worker.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "stray",
        nargs="*",
        metavar="-- COMMAND",
        help="the training to run; the dashes keep its options apart from the worker's",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")

    run = parser.add_argument_group("the run")
    run.add_argument(
        "--epochs", type=_positive, default=5, help="of the embedded trainer (default %(default)s)"
    )
    run.add_argument(
        "--adopt",
        action="store_true",
        help="start no trainer: wait for one that runs already, after a worker that was killed",
    )
    run.add_argument(
        "--grace",
        type=_seconds,
        default=5.0,
        metavar="SECONDS",
        help="from TERM to KILL when the training is cancelled (default %(default)g)",
    )
    run.add_argument(
        "--checkpoints",
        type=Path,
        metavar="FOLDER",
        help="where the trainer saves its model, if that is not found out",
    )
    run.add_argument(
        "--journal",
        type=Path,
        metavar="FILE",
        help="write the run to FILE as it goes; with --adopt go on with the run in it",
    )
    run.add_argument(
        "--replay", type=Path, metavar="FILE", help="show the run in FILE, a journal; until Ctrl-C"
    )
    run.add_argument(
        "--no-gui",
        action="store_true",
        help="report nothing: the trainer's output goes to stdout as it is",
    )

    sockets = parser.add_argument_group("the trainer's sockets")
    sockets.add_argument(
        "--control-address",
        default=defaults.control_address,
        metavar="ADDRESS",
        help="where control messages are published (default %(default)s; "
        "tcp://127.0.0.1:* takes a free port)",
    )
    sockets.add_argument(
        "--progress-address",
        default=defaults.progress_address,
        metavar="ADDRESS",
        help="where progress is listened to (default %(default)s)",
    )
    sockets.add_argument(
        "--any-port",
        action="store_true",
        help="take a free port in place of one that is in use, and tell the trainer",
    )
    sockets.add_argument(
        "--control-encoding",
        type=ControlEncoding,
        choices=list(ControlEncoding),
        metavar="{verbatim,sleap-nn}",
        help="what is published for a client's control text (default: sleap-nn for the commands "
        "of SLEAP, else verbatim)",
    )

    page = parser.add_argument_group("the page")
    page.add_argument("--no-page", action="store_true", help="serve none")
    page.add_argument(
        "--host", default="127.0.0.1", help="where it is served (default %(default)s)"
    )
    page.add_argument(
        "--port",
        type=_port,
        help=f"0 takes a free one (default {DEFAULT_PORT}, or a free one where that is in use)",
    )
    page.add_argument(
        "--token",
        help=f"what the link carries (default: ${TOKEN_VARIABLE}, or random at each start)",
    )
    page.add_argument(
        "--read-only-token",
        metavar="TOKEN",
        help=f"for a link that may watch and not stop (default: ${READ_ONLY_TOKEN_VARIABLE}; "
        "'random' makes one)",
    )
    page.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name under which a proxy serves the page; may be given again",
    )
    page.add_argument("--certfile", type=Path, metavar="FILE", help="turns TLS on")
    page.add_argument("--keyfile", type=Path, metavar="FILE", help="its key, if not in it")
    page.add_argument(
        "--ice-server",
        action="append",
        default=[],
        metavar="URL",
        help="e.g. stun:stun.example.org:3478, for WebRTC between networks; may be given again",
    )
    page.add_argument(
        "--keep-open",
        action="store_true",
        help="keep the page of the finished run up until Ctrl-C",
    )

    shown = parser.add_argument_group("the terminal")
    shown.add_argument(
        "--quiet", action="store_true", help="show the link and what goes wrong, on stderr"
    )
    shown.add_argument(
        "--log-level",
        default="warning",
        choices=("debug", "info", "warning", "error"),
        help="of the log lines between the output (default %(default)s)",
    )
    return parser


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    options.token = options.token or os.environ.get(TOKEN_VARIABLE) or new_token()
    watch = options.read_only_token or os.environ.get(READ_ONLY_TOKEN_VARIABLE)
    options.read_only_token = new_token() if watch == "random" else watch
    for token in (options.token, options.read_only_token or new_token()):
        if len(token) < MIN_TOKEN or not token.isprintable() or not token.isascii():
            parser.error(f"a token has {MIN_TOKEN} printable ASCII characters at the least")
    if options.token == options.read_only_token:
        parser.error("the read-only token must differ from the other one")
    if options.keyfile is not None and options.certfile is None:
        parser.error("--keyfile needs --certfile")
    if options.replay is not None and (options.command or options.adopt or options.journal):
        parser.error("--replay runs no training: it goes with no command, --adopt or --journal")
    if options.adopt and options.command:
        parser.error("--adopt starts no trainer: it goes with no command")
    if options.no_gui and (options.adopt or options.journal or options.replay):
        parser.error("--no-gui reports nothing: it goes with no --adopt, --journal or --replay")


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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the training is over: its exit code stands
    return exit_code


async def run(plan: Plan, console: Console, errors: Console) -> int:
    """Run the worker on this event loop, with the signals as its orders."""
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
        settings=ReporterSettings(
            control_address=None if replay else options.control_address,
            progress_address=None if replay else options.progress_address,
            on_port_conflict=PortConflict.FREE if options.any_port else PortConflict.FAIL,
            control_encoding=_encoding(options, command),
            drain_timeout=DRAIN_TIMEOUT,
            **({"log_limit": REPLAY_LIMIT, "log_bytes": REPLAY_BYTES} if replay else {}),
        ),
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
        version=_version(),
    )


def _embedded_trainer(options: argparse.Namespace) -> tuple[str, ...]:
    # By its path, and -P: it is found from every folder and imports nothing of this one.
    command = (sys.executable, "-P", embedded_trainer.__file__, "--epochs", str(options.epochs))
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


def _version() -> str:
    try:
        return importlib.metadata.version("sleap-progress-reporter")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must be a number of seconds")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError("must be a port, 0 to 65535")
    return value


if __name__ == "__main__":
    sys.exit(main())
