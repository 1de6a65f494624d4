"""A complete worker: runs a training and lets a client watch and stop it.

Without a command it runs a small embedded trainer, the whole chain on this one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import logging
import signal
import sys

from rich.logging import RichHandler

from actors import (
    ControlEncoding,
    PortConflict,
    ReporterSettings,
    embedded_trainer,
    spawn_supervisor,
)
from actors import terminal as terminal_actor
from actors import trainer as trainer_actor
from actors import worker as worker_actor
from actors.local_client import LocalClient
from actors.scheduler import ThreadScheduler
from actors.terminal import WorkerConsole
from actors.trainer_command import CONTROL_PORT, PROGRESS_PORT, is_sleap_nn, is_sleap_train
from actors.typed_ref import Answer
from messages import (
    CancelTraining,
    ChildDown,
    RunTraining,
    ShowState,
    ShowSummary,
    StopTraining,
    TrainingEnded,
)

DRAIN_TIMEOUT = 30.0
"""Seconds that a slow client is given at the end for what is left of the run."""

CLIENT_TIMEOUT = 5.0
"""Seconds that the client may take to receive what has been handed to its channel."""

STOP_TIMEOUT = 10.0
"""Seconds that the actors may take to end."""

EXIT_BROKEN = 70
"""A part of the worker has failed (sysexits' EX_SOFTWARE)."""

EPILOG = f"""\
the training command:
  {CONTROL_PORT} and {PROGRESS_PORT} in it are filled in; for 'sleap-nn train' and 'sleap-train'
  the options that set them are appended. The exit code is the trainer's.

Ctrl-C asks the trainer to stop and waits for it; a second Ctrl-C ends it (TERM, KILL after 5 s).

examples:
  run_worker.py                                     an embedded training, to see it work
  run_worker.py -- sleap-nn train config.yaml
  run_worker.py -- python my_training.py --ports {CONTROL_PORT} {PROGRESS_PORT}
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; exits with code 2 and a usage line where it is wrong."""
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
    parser.add_argument(
        "--control-address",
        default=defaults.control_address,
        metavar="ADDRESS",
        help="where control messages are published (default %(default)s; "
        "tcp://127.0.0.1:* takes a free port)",
    )
    parser.add_argument(
        "--progress-address",
        default=defaults.progress_address,
        metavar="ADDRESS",
        help="where progress is listened to (default %(default)s)",
    )
    parser.add_argument(
        "--any-port",
        action="store_true",
        help="take a free port in place of one that is in use, and tell the trainer",
    )
    parser.add_argument(
        "--control-encoding",
        type=ControlEncoding,
        choices=list(ControlEncoding),
        metavar="{verbatim,sleap-nn}",
        help="what is published for a client's control text (default: sleap-nn for the commands "
        "of SLEAP, else verbatim)",
    )
    parser.add_argument(
        "--epochs", type=_positive, default=5, help="of the embedded trainer (default %(default)s)"
    )
    parser.add_argument(
        "--no-gui",
        action="store_true",
        help="report nothing: the trainer's output goes to stdout as it is",
    )
    parser.add_argument(
        "--log-level",
        default="warning",
        choices=("debug", "info", "warning", "error"),
        help="of the log lines between the output (default %(default)s)",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
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
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the worker; the exit code."""
    options = parse(arguments)
    console = WorkerConsole()
    logging.basicConfig(
        level=options.log_level.upper(),
        format="%(name)s: %(message)s",
        handlers=[RichHandler(console=console, show_path=False)],
    )
    exit_code = asyncio.run(run(options, console))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the training is over: its exit code stands
    return exit_code


async def run(options: argparse.Namespace, console: WorkerConsole) -> int:
    """Build the actors on this event loop, run the training, take everything down again."""
    loop = asyncio.get_running_loop()
    command = options.command or _embedded_trainer(options)
    embedded = not options.command
    terminal = terminal_actor.spawn(console=console, epochs=options.epochs if embedded else None)
    down: Answer[ChildDown] = Answer()
    worker = worker_actor.spawn(parent=down, terminal=terminal)
    trainer = trainer_actor.spawn(parent=down, scheduler=ThreadScheduler())
    supervisor = spawn_supervisor(
        loop=loop,
        owner=worker,
        settings=ReporterSettings(
            control_address=options.control_address,
            progress_address=options.progress_address,
            on_port_conflict=PortConflict.FREE if options.any_port else PortConflict.FAIL,
            control_encoding=_encoding(options, command),
            drain_timeout=DRAIN_TIMEOUT,
        ),
    )
    loop.add_signal_handler(signal.SIGINT, worker.tell, StopTraining())
    loop.add_signal_handler(signal.SIGTERM, worker.tell, CancelTraining())
    client = None if options.no_gui else LocalClient(client_id="local", screen=terminal)
    try:
        if client is not None:
            try:
                await client.connect(supervisor)
            except ConnectionError as error:
                terminal.tell(ShowState(text=f"error: {error}"))
                if embedded:
                    return EXIT_BROKEN
        ended: Answer[TrainingEnded] = Answer()
        worker.tell(
            RunTraining(
                job_id="training",
                command=command,
                gui=not options.no_gui,
                supervisor=supervisor,
                trainer=trainer,
                reply_to=ended,
            )
        )
        futures = (asyncio.wrap_future(answer.future) for answer in (ended, down))
        await asyncio.wait(tuple(futures), return_when=asyncio.FIRST_COMPLETED)
        if not ended.future.done():
            terminal.tell(ShowState(text=f"error: {down.future.result().reason}"))
            return EXIT_BROKEN
        end = ended.future.result()
        if client is not None and end.summary is not None:
            await client.received(end.summary.forwarded, within=CLIENT_TIMEOUT)
        terminal.tell(ShowSummary(summary=end.summary))
        return end.exit_code
    finally:
        for ref in (trainer, supervisor, worker, terminal):
            if not await asyncio.to_thread(ref.stop, timeout=STOP_TIMEOUT):
                logging.getLogger(__name__).error("%r has not ended", ref)
        if client is not None:
            await client.close()


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


if __name__ == "__main__":
    sys.exit(main())
