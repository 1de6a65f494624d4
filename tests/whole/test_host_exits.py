"""A host whose main thread ends without a stop, while its event loop runs on another thread."""

import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

HOST = """
import asyncio, threading, time
from actors import spawn_supervisor
from tests.support.channel import FakeChannel
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, stop, trainer_for
from tests.support.settings import on_free_ports
from tests.support.waiting import PATIENCE

loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon={daemon}).start()
supervisor = spawn_supervisor(loop=loop, owner=Probe(), settings=on_free_ports({settings}))
ready = start(supervisor)
"""

GOES_ON = """
def after_the_main_thread():
    threading.main_thread().join()
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(ready) as trainer:
        trainer.send("a report")
        stop(supervisor)
    print(channel.sent, supervisor.stop(timeout=PATIENCE))
    loop.call_soon_threadsafe(loop.stop)

threading.Thread(target=after_the_main_thread).start()
"""

EXITS = """
begun = threading.Event()

def send():
    with trainer_for(ready) as trainer:
        while True:
            trainer.send("a report")
            begun.set()
            time.sleep(0.01)

threading.Thread(target=send, daemon=True).start()
assert begun.wait(PATIENCE)
time.sleep(0.1)
print("exits")
"""


def printed(script: str) -> tuple[str, str]:
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=True,
        cwd=ROOT,
    )
    return ran.stdout, ran.stderr


def test_reporting_goes_on_while_the_loop_runs() -> None:
    assert printed(HOST.format(daemon=False, settings="") + GOES_ON) == (
        "['PROGRESS_REPORT::a report'] True\n",
        "",
    )


@pytest.mark.parametrize("settings", ["", f"gather_interval={10 * PATIENCE}"])
def test_a_loop_on_a_daemon_thread_holds_up_no_exit(settings: str) -> None:
    """Also while a trainer sends, and however long its reports are gathered."""
    assert printed(HOST.format(daemon=True, settings=settings) + EXITS) == ("exits\n", "")
