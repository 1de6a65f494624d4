"""A complete worker: runs a training and lets people watch and stop it.

Without a command it runs a small embedded trainer, the whole chain on this one machine. Here are
the command line, the signals and the exit code; all else is in ``actors.worker``.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - a clone is started with whatever is there
    # Up to here, and in its syntax, the file is one for Python 3.6 as well.
    sys.stderr.write(
        "error: run_worker.py needs Python 3.11 or newer; this is %d.%d.%d\n"  # noqa: UP031
        "  start it with the one that it was installed with: .venv/bin/python run_worker.py\n"
        % sys.version_info[:3]
    )
    sys.exit(2)

import gc
import io
import os
import signal
from pathlib import Path
from typing import Final

INSTALL: Final = "python -m pip install '.[worker]'"

EXIT_NOT_STARTED: Final = 2

NO_THREAD: Final = "can't start new thread"
"""What Python says where the system gives no more of them."""


def main(arguments: list[str] | None = None) -> int:
    """Run the worker; the exit code."""
    if sys.platform == "win32":
        return _fail("the worker runs on Linux and macOS: on Windows, use WSL (wsl --install)")
    _open_streams()
    # What comes waits until it can be taken; the imports take a while.
    orders = {signal.SIGINT, signal.SIGTERM, signal.SIGQUIT}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - orders)
    from actors import worker

    signals = worker.Signals(blocked)
    options = worker.parse(arguments)
    if not options.runs:
        worker.greet(options)
    import asyncio

    runner = asyncio.Runner()
    try:
        if options.export is not None:
            name, file = options.export
            size = worker.export(worker.journal_of(options, name), Path(file))
            if not options.quiet:
                print(f"written to {file} ({size / 1000:.0f} kB)")  # noqa: T201 - no console yet
            return 0
        if options.runs:
            return worker.list_runs(options)
        runner.get_loop()  # it needs files that may not be there
        console, errors = worker.consoles(options)
        plan = worker.plan_of(options)
        standalone = worker.Standalone
    except ModuleNotFoundError as missing:
        runner.close()
        return _fail(f"{missing.name} is not installed: in the project's folder, {INSTALL}")
    except (OSError, worker.PlanError) as error:
        runner.close()
        return _fail(str(error))

    run: worker.Standalone | None = None
    code: int | None = None

    async def live() -> int:
        nonlocal run
        # A full garbage collection of all that was imported holds up the event loop for 15 ms.
        gc.freeze()
        signals.block()
        run = standalone(plan, console=console, errors=errors, dispositions=signals.dispositions)
        signals.listen(run.loop, run.signalled, run.leave)
        return await run.run()

    try:
        with runner:
            code = runner.run(live())
    except worker.PlanError as error:
        return _fail(str(error))
    except RuntimeError as error:
        if NO_THREAD not in str(error) or (code is None and run is not None and run.has_begun):
            raise
        if code is None:
            return _fail(worker.NO_THREADS)
    return code


def _open_streams() -> None:
    """Lead those of stdin, stdout and stderr nowhere that the worker was started without.

    The next file that is opened would have such a one's number, and be taken for it.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):  # as stderr: the name of a file need not be text
        sys.stdout.reconfigure(errors="backslashreplace")


def _fail(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)  # noqa: T201 - the console may not be there
    return EXIT_NOT_STARTED


if __name__ == "__main__":
    sys.exit(main())
