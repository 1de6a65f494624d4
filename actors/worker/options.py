"""Options: those that the worker has, their defaults, and what ``--help`` says of them."""

from __future__ import annotations

import argparse
import math
import signal
from pathlib import Path
from typing import Final

from actors.settings import ControlEncoding, ReporterSettings
from actors.worker.keeper import ENDING, number_of

DESCRIPTION: Final = """\
A complete worker: runs a training and lets people watch and stop it.

Without a command it runs a small embedded trainer, the whole chain on this one machine.
"""

DEFAULT_PORT: Final = 8765
"""Where the page is served unless somebody else listens there already."""

RUNS_VARIABLE: Final = "SLEAP_PROGRESS_RUNS"
"""The environment's variable that names the folder of all runs."""

TOKEN_VARIABLE: Final = "SLEAP_PROGRESS_TOKEN"  # noqa: S105 - the variable's name
READ_ONLY_TOKEN_VARIABLE: Final = "SLEAP_PROGRESS_READ_ONLY_TOKEN"  # noqa: S105 - the variable's name

EPILOG: Final = f"""\
the training command:
  {{control_port}} and {{progress_port}} in it are filled in; for 'sleap-nn train' and 'sleap-train'
  the options that set them are appended. The exit code is the trainer's.

the link:
  It is printed, and opens the page in a browser. From elsewhere, forward the port first:
    ssh -L {DEFAULT_PORT}:127.0.0.1:{DEFAULT_PORT} gpu-box

Ctrl-C asks the trainer to stop and waits for it; a second Ctrl-C, or SIGTERM, ends it (TERM, then
KILL), and the exit code is 143 then. SIGQUIT (Ctrl-\\) ends the worker alone, and the training goes
on. No other signal ends anything: --stop-on makes one a stop.

examples:
  %(prog)s                        an embedded training, to see it work
  %(prog)s -- sleap-nn train config.yaml
  %(prog)s --adopt=last           go on after a worker that was killed
  %(prog)s --runs                 the runs that are kept
  %(prog)s --replay=last          a run that is over, in the same page
  %(prog)s -- python my_training.py --ports {{control_port}} {{progress_port}}
"""


def parser_of(program: str, version: str) -> argparse.ArgumentParser:
    """The parser of ``program``'s options, which says which ``version`` it is."""
    defaults = ReporterSettings()
    parser = argparse.ArgumentParser(
        prog=program,
        usage="%(prog)s [options] [-- command ...]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "stray",
        nargs="*",
        metavar="-- COMMAND",
        help="the training to run; the dashes keep its options apart from the worker's",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")

    run = parser.add_argument_group("the run")
    run.add_argument(
        "--epochs",
        type=_epochs,
        default=5,
        help="of the embedded trainer alone (default %(default)s)",
    )
    run.add_argument(
        "--adopt",
        nargs="?",
        const="",
        metavar="RUN",
        help="start no trainer: wait for one that runs already; with the name of a run, its number "
        "or 'last', go on with the training of that one after its worker was killed",
    )
    run.add_argument(
        "--grace",
        type=_seconds,
        default=15.0,
        metavar="SECONDS",
        help="from TERM to KILL when the training is cancelled (default %(default)g)",
    )
    run.add_argument(
        "--stop-on",
        type=_signal,
        action="append",
        default=[],
        metavar="SIGNAL",
        help="stop the training at this signal, such as USR1, as at Ctrl-C; may be given again",
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
        "--replay",
        metavar="RUN",
        help="show a run again, until Ctrl-C: a journal, or a run as for --adopt",
    )
    run.add_argument("--runs", action="store_true", help="list the runs that are kept")
    run.add_argument(
        "--runs-folder",
        type=Path,
        metavar="DIR",
        help=f"where they are kept (default: ${RUNS_VARIABLE}, or a folder of the user's state)",
    )
    run.add_argument("--no-record", action="store_true", help="keep none of this run")
    run.add_argument(
        "--run-size",
        type=_size,
        default="1G",
        metavar="SIZE",
        help="what a run may take on the disk (default %(default)s)",
    )
    run.add_argument(
        "--runs-kept",
        type=_count,
        default=200,
        metavar="COUNT",
        help="runs that are kept; the oldest go first (default %(default)s)",
    )
    run.add_argument(
        "--runs-size",
        type=_size,
        default="4G",
        metavar="SIZE",
        help="what all of them may take on the disk (default %(default)s)",
    )
    run.add_argument(
        "--export",
        nargs=2,
        metavar=("RUN", "FILE"),
        help="write the run, a journal or a run as for --adopt, to FILE: a page that opens without "
        "a worker",
    )
    run.add_argument(
        "--notify-command",
        metavar="CMD",
        help="run CMD in a shell, an event as JSON on its stdin, when the training has ended, is "
        "silent, or reports what is not a number",
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
        type=_encoding,
        default=ControlEncoding.SLEAP_NN,
        metavar="{verbatim,sleap-nn}",
        help="what is published for a client's control text: what a SLEAP trainer understands and "
        "nothing else, or the text as it came (default: sleap-nn)",
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
        help="keep the page of the finished run up until Ctrl-C (on a terminal the embedded "
        "trainer's stays for 20 s)",
    )

    shown = parser.add_argument_group("the terminal")
    shown.add_argument(
        "--quiet", action="store_true", help="show the link and what goes wrong, on stderr"
    )
    shown.add_argument(
        "--log-level",
        default="warning",
        choices=("all", "debug", "info", "warning", "error"),
        help="of the log lines between the output: debug is this program's own, all has those of "
        "the libraries too (default %(default)s)",
    )
    return parser


def _epochs(text: str) -> int:
    return _count(text, "number of epochs")


def _count(text: str, what: str = "count") -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a {what}: 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds: 0 or more")
    return seconds


def _size(text: str) -> int:
    number, unit = text[:-1], "KMGT".find(text[-1:].upper())
    try:
        size = int(text) if unit < 0 else int(float(number) * 1024 ** (unit + 1))
    except (ValueError, OverflowError):
        size = 0
    if size < 1:
        raise argparse.ArgumentTypeError("must be a size, such as 500M or 2G")
    return size


def _signal(text: str) -> int:
    try:
        number = number_of(text)
    except (ValueError, KeyError):
        raise argparse.ArgumentTypeError(f"{text} is not a signal") from None
    if number not in ENDING | {signal.SIGINT, signal.SIGTERM}:
        raise argparse.ArgumentTypeError(f"{text} cannot be a stop; use USR1, USR2 or the like")
    return number


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return int(text)


def _encoding(text: str) -> ControlEncoding:
    try:
        return ControlEncoding(text)
    except ValueError:
        known = " or ".join(encoding.value for encoding in ControlEncoding)
        raise argparse.ArgumentTypeError(f"{text!r} is not an encoding: {known}") from None
