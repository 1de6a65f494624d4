"""The worker's command line: how it was started, what is asked for, and what is wrong with that."""

from __future__ import annotations

import argparse
import difflib
import importlib.metadata
import os
import re
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import PurePath
from typing import Final

from actors.worker.options import READ_ONLY_TOKEN_VARIABLE, TOKEN_VARIABLE, parser_of

RANDOM: Final = "random"
"""The read-only token that stands for a random one."""

MIN_TOKEN: Final = 16
"""Characters of a token that somebody chooses; a random one has 43, of 256 bits."""

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
    parser = parser_of(program(), version())
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
