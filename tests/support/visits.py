"""Workers with a page, trainers behind it, and visits of the page."""

import json

import pytest

from tests.support.processes import python
from tests.support.running_worker import RunningWorker

BOTH = pytest.mark.parametrize("transport", ["rtc", "ws"])
NAMES = {"rtc": "WebRTC", "ws": "WebSocket"}

SENDS = """\
import json, sys, time, zmq
progress = zmq.Context().socket(zmq.XPUB)
progress.sndhwm = 0  # on a busy machine too, nothing is dropped
progress.connect('tcp://127.0.0.1:' + sys.argv[1])
progress.recv()
for number, line in enumerate(open(sys.argv[2])):
    progress.send_string(json.loads(line))
    if number % 200 == 199:
        time.sleep(0.02)
print('all sent', flush=True)
if len(sys.argv) > 3:
    open(sys.argv[3]).readline()
progress.close(linger=5000)
"""
"""A trainer that sends the messages of a file, each one a JSON string on a line."""


def messages_file(tmp_path, messages):
    path = tmp_path / "messages.jsonl"
    path.write_text("".join(f"{json.dumps(message)}\n" for message in messages))
    return str(path)


def sends(tmp_path, messages, *gate):
    """The command of a trainer that sends ``messages``, and then waits at the gate."""
    return python(SENDS, "{progress_port}", messages_file(tmp_path, messages), *gate)


def visit(browser, worker, transport="ws", what="watch and stop it at "):
    """Open the page; the address it leaves in the address bar."""
    browser.open(f"{worker.link(what)}&transport={transport}")
    browser.wait(lambda: browser.viewer().get("connected"), "connected")
    return browser.driver.current_url


def served(*arguments, **options):
    return RunningWorker("--port", "0", *arguments, **options)


def drawn(browser):
    """How many curves of the chart have something in them."""
    return browser.run(
        "return [...document.querySelectorAll('#chart .scatterlayer .trace')]"
        ".filter(t => t.querySelector('path.js-line[d], path.point')).length"
    )
