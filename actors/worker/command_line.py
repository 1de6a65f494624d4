"""The worker's command line: its options, what they mean, and what goes wrong with them."""

from __future__ import annotations

import argparse
import difflib
import importlib.metadata
import math
import os
import re
import shlex
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Final

from actors.settings import ControlEncoding, ReporterSettings
from actors.worker.keeper import ENDING, number_of

DESCRIPTION: Final = """\
A complete worker: runs a training and lets people watch and stop it.

Without a command it runs a small embedded trainer, the whole chain on this one machine.
"""

DEFAULT_PORT: Final = 8765
"""Where the page is served unless somebody else listens there already."""

RANDOM: Final = "random"
"""The read-only token that stands for a random one."""

MIN_TOKEN: Final = 16
"""Characters of a token that somebody chooses; a random one has 43, of 256 bits."""

RUNS_VARIABLE: Final = "SLEAP_PROGRESS_RUNS"
"""The environment's variable that names the folder of all runs."""

TOKEN_VARIABLE: Final = "SLEAP_PROGRESS_TOKEN"  # noqa: S105 - the variable's name
READ_ONLY_TOKEN_VARIABLE: Final = "SLEAP_PROGRESS_READ_ONLY_TOKEN"  # noqa: S105 - the variable's name

PORTS: Final = ("control_port", "progress_port")
"""What stands in braces in a command and is filled in."""

MEANT: Final = 0.75
"""How much a mistyped word has of the one that is meant, as difflib counts it."""

NO_THREADS: Final = (
    "the training was not started: the system gives this worker too few threads; raise the limit "
    "of processes or that of memory (ulimit -u, ulimit -v)"
)

CONSOLE_SCRIPT: Final = "sleap-progress-worker"
SCRIPT: Final = "run_worker.py"

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


class PlanError(Exception):
    """What the command line asks for cannot be done; the message says why."""


def program() -> str:
    """The name under which the worker was started."""
    name = PurePath(sys.argv[0]).name.removesuffix(".exe")
    return CONSOLE_SCRIPT if name == CONSOLE_SCRIPT else SCRIPT


def invocation() -> str:
    """How the worker was started, as it can be typed again in the same folder."""
    script = sys.argv[0]
    if program() == CONSOLE_SCRIPT:
        is_found = shutil.which(CONSOLE_SCRIPT) == script
        return CONSOLE_SCRIPT if is_found else shlex.quote(script)
    if PurePath(script).name != SCRIPT:
        return SCRIPT
    return shlex.join((sys.orig_argv[0], script))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; exits with code 2 and a usage line where it is wrong."""
    parser = _parser()
    words = sys.argv[1:] if arguments is None else arguments
    end = words.index("--") if "--" in words else len(words)
    given = argparse.Namespace(epochs=None)
    options, unknown = parser.parse_known_args(words[:end], given)
    options.command = tuple(words[end + 1 :])
    options.adopts = options.adopt is not None
    wrong = next((word for word in words[:end] if word in (*options.stray[:1], *unknown)), None)
    if wrong in unknown:
        parser.error(f"there is no option {wrong}{_meant(parser, wrong)}")
    if wrong is not None:
        meant = words[words.index(wrong) : end]
        parser.error(f"put -- before the training command: -- {' '.join(meant)}")
    if end < len(words) and not options.command:
        parser.error("no training command follows --")
    if options.epochs is not None and options.command:
        parser.error("--epochs is of the embedded trainer: a command has an option of its own")
    if options.epochs is None:
        options.epochs = parser.get_default("epochs")
    _check_placeholders(parser, options.command)
    _check(parser, options)
    return options


def _parser() -> argparse.ArgumentParser:
    defaults = ReporterSettings()
    parser = argparse.ArgumentParser(
        prog=program(),
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
    parser.add_argument("--version", action="version", version=f"%(prog)s {version()}")

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
        default=_size("1G"),
        metavar="SIZE",
        help="what a run may take on the disk (default 1G)",
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
        default=_size("4G"),
        metavar="SIZE",
        help="what all of them may take on the disk (default 4G)",
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


def _meant(parser: argparse.ArgumentParser, wrong: str) -> str:
    name = wrong.partition("=")[0]
    known = [word for action in parser._actions for word in action.option_strings]
    close = difflib.get_close_matches(name, known, n=1, cutoff=MEANT)
    return f": is {close[0]} meant?" if close else "; --help lists them"


def _check_placeholders(parser: argparse.ArgumentParser, command: tuple[str, ...]) -> None:
    """A mistyped one would reach the trainer as it is."""
    for found in re.findall(r"(?<!\$)\{([A-Za-z_ -]{1,40})\}", "\n".join(command)):
        if found not in PORTS and difflib.get_close_matches(found, PORTS, n=1, cutoff=MEANT):
            filled = " and ".join(f"{{{name}}}" for name in PORTS)
            parser.error(f"{{{found}}} in the command is not known: {filled} are filled in")


def _check_runs(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.runs and (options.command or options.adopts or options.replay or options.no_gui):
        parser.error("--runs lists the runs: it goes with no command, --adopt or --replay")


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    # Taken out of the environment, which whatever the worker starts gets from it.
    options.token = options.token or os.environ.pop(TOKEN_VARIABLE, None) or None
    watch = options.read_only_token or os.environ.pop(READ_ONLY_TOKEN_VARIABLE, None) or None
    options.read_only_token = watch
    for token in (options.token, None if watch == RANDOM else watch):
        if token is not None and (
            len(token) < MIN_TOKEN or not token.isprintable() or not token.isascii()
        ):
            parser.error(f"a token has at least {MIN_TOKEN} printable ASCII characters")
    if options.token is not None and options.token == watch:
        parser.error("the read-only token must differ from the other one")
    if options.keyfile is not None and options.certfile is None:
        parser.error("--keyfile needs --certfile")
    _check_runs(parser, options)
    if options.replay is not None and (options.command or options.adopts or options.journal):
        parser.error("--replay runs no training: it goes with no command, --adopt or --journal")
    if options.notify_command and (options.replay or options.runs or options.export):
        parser.error("--notify-command tells of a training: nothing is trained here")
    if options.adopts and options.command:
        parser.error("--adopt starts no trainer: it goes with no command")
    if options.no_gui and (options.adopts or options.journal or options.replay):
        parser.error("--no-gui reports nothing: it goes with no --adopt, --journal or --replay")
    if options.keep_open and (options.no_page or options.no_gui):
        parser.error("--keep-open keeps the page up: it goes with no --no-page or --no-gui")
    for url in options.ice_server:
        if not url.startswith(("stun:", "stuns:", "turn:", "turns:")):
            parser.error(f"{url} is not an ICE server: it begins with stun: or turn:")


def greet(options: argparse.Namespace) -> None:
    """Say that the worker begins, on stdout; where that takes nothing, the worker is quiet."""
    if options.quiet:
        return
    try:
        print(f"{program()} {version()}", flush=True)  # noqa: T201 - rich is not there yet
    except OSError as error:
        from actors.worker.outputs import leave_stdout

        options.quiet = True
        leave_stdout()
        if not isinstance(error, BrokenPipeError):
            with suppress(OSError):
                print(f"warning: nothing is shown on stdout: {error}", file=sys.stderr)  # noqa: T201


def version() -> str:
    """The installed package's."""
    try:
        return importlib.metadata.version("sleap-progress-reporter")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


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
