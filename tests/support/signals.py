"""The signals of the tests' process, which all that the tests start inherits."""

import signal

OF_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}
"""Python itself ignores these, and ``subprocess`` sets their default action in what it starts."""


def have_default_actions() -> None:
    """Ignore and block no signal, as in a process that a person starts in a terminal.

    Whoever starts the tests may: a shell without job control ignores INT and QUIT in what it
    starts with ``&``, ``nohup`` ignores HUP. Every worker of a test would then, too.
    """
    for number in signal.valid_signals() - OF_PYTHON:
        if signal.getsignal(number) is signal.SIG_IGN:
            interrupts = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if interrupts else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
