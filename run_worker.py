"""A complete worker: runs a training and lets people watch and stop it.

Without a command it runs a small embedded trainer, the whole chain on this one machine. Here are
the command line, the signals and the exit code; all else is in ``actors.worker``.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from actors import worker

if TYPE_CHECKING:
    from rich.console import Console

log = logging.getLogger(__name__)

PACKAGE: Final = "sleap-progress-reporter"

EXIT_NOT_STARTED: Final = 2
EXIT_INTERRUPTED: Final = 128 + signal.SIGINT


def main(arguments: list[str] | None = None) -> int:
    """Run the worker; the exit code."""
    if sys.platform == "win32":
        return _fail("the worker runs on Linux and macOS: on Windows, use WSL (wsl --install)")
    # Nothing has been started: Ctrl-C ends the process as it is, until the event loop handles it.
    signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))
    options = worker.parse(arguments)
    worker.greet(options)
    import asyncio  # this, and what the worker is made of, takes a second

    try:
        if options.export is not None:
            worker.export(*options.export)
            return 0
        console, errors = worker.consoles(options)
        plan = worker.plan_of(options)
    except ModuleNotFoundError as missing:
        return _fail(f"{missing.name} is not installed: pip install '{PACKAGE}[worker]'")
    except worker.PlanError as error:
        return _fail(str(error))
    exit_code = asyncio.run(run(plan, console, errors))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the training is over: its exit code stands
    return exit_code


async def run(plan: worker.Plan, console: Console, errors: Console) -> int:
    """Run the worker on this event loop, with the signals as its orders."""
    # A full garbage collection of all that was imported holds up the event loop for 15 ms.
    gc.freeze()
    standalone = worker.Standalone(plan, console=console, errors=errors)
    handle = standalone.loop.add_signal_handler
    handle(signal.SIGINT, standalone.interrupt)
    handle(signal.SIGTERM, standalone.terminate)
    handle(
        signal.SIGHUP,
        log.warning,
        "the terminal is gone, the training goes on: stop it on its page, or with SIGTERM to %d",
        os.getpid(),
    )
    return await standalone.run()


def _fail(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)  # noqa: T201 - the console may not be there
    return EXIT_NOT_STARTED


if __name__ == "__main__":
    sys.exit(main())
