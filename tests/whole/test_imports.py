"""What an import loads: what is not used is not paid for."""

import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

WORKER = ("aiohttp", "psutil", "pynvml", "rich")


@pytest.mark.parametrize(
    ("package", "heavy"),
    [
        ("messages", ("actors", "aiortc", "pykka", "run_worker", "zmq", *WORKER)),
        ("actors", ("aiortc", "run_worker", *WORKER)),
    ],
)
def test_importing_a_package_loads_nothing_that_it_does_not_use(package, heavy):
    script = f"import sys, {package}; print(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    loaded = done.stdout.split()
    assert package in loaded
    assert {*heavy} & {*loaded} == set()
