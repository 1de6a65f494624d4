"""The tests' processes have the default actions of all signals, however the tests are started."""

import signal
import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from tests.support.signals import OF_PYTHON

AS_FROM_A_SCRIPT = """\
import os, signal, sys
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGTERM})
os.execv(sys.executable, [sys.executable, "-m", "pytest", "-q", *sys.argv[1:]])
"""


def test_no_signal_is_ignored_or_blocked():
    assert not [
        number
        for number in signal.valid_signals() - OF_PYTHON
        if signal.getsignal(number) is signal.SIG_IGN
    ]
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("processes", ["0", "1"])
def test_the_tests_of_a_job_in_the_background_ignore_and_block_no_signal(processes):
    judge = f"{__file__}::{test_no_signal_is_ignored_or_blocked.__name__}"
    command = [sys.executable, "-c", AS_FROM_A_SCRIPT, "-n", processes, judge]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    assert "1 passed" in run.stdout
