"""SIGINT and SIGTERM at random moments of the worker's whole life."""

import random
import signal
import socket
import time

import pytest

from tests.support.ports import fixed_addresses, occupied
from tests.worker.running_worker import SCRIPT, RunningWorker

LIFE = 3.2
"""Seconds that a worker with three epochs lives: half a second of imports, a second of waiting for
connections, the training, and the end."""

ENDS = {
    signal.SIGINT: {
        0,  # the training was stopped early, or was over already
        130,  # the training had not begun
        -signal.SIGINT,  # Python itself was being started
        1,  # so it was, or the worker's modules were being imported
    },
    signal.SIGTERM: {
        0,  # the training was over already
        130,  # it had not begun
        128 + signal.SIGTERM,  # it was ended
        -signal.SIGTERM,  # the worker was being started
    },
}
