"""Workers with a page, trainers behind it, and visits of the page."""

import contextlib
import json
import signal

import pytest

from tests.support.processes import shell
from tests.support.running_worker import PAGE, RunningWorker
from tests.support.trainer_process import trainer

BOTH = pytest.mark.parametrize("transport", ["rtc", "ws"])
NAMES = {"rtc": "WebRTC", "ws": "WebSocket"}


def messages_file(tmp_path, messages):
    path = tmp_path / "messages.jsonl"
    path.write_text("".join(f"{json.dumps(message)}\n" for message in messages))
    return str(path)


def sends(tmp_path, messages, *gate):
    """The command of a trainer that sends ``messages``, and then waits at the gate."""
    wait = [f"read:{path}" for path in gate]
    return trainer(f"send-file:{messages_file(tmp_path, messages)}", *wait, "leave")


def visit(browser, worker, transport="ws", what="it at "):
    """Open the page; the address it leaves in the address bar."""
    browser.open(f"{worker.link(what)}&transport={transport}")
    browser.wait(lambda: browser.viewer().get("connected"), "connected")
    return browser.driver.current_url


def served(*arguments, **options):
    return RunningWorker(*PAGE, *arguments, **options)


@contextlib.contextmanager
def waits(gate, *options):
    """A worker whose trainer waits at the gate until the test is over."""
    with served(*options, "--", *shell("read line < $1", gate.path)) as worker:
        yield worker
        gate.open()
        assert worker.ends() == 0


@contextlib.contextmanager
def cancels(browser, gate):
    """A training that is cancelled on the page, and obeys at the gate when the test is over."""
    deaf = f"trap 'read line < {gate.path}; exit 3' TERM; echo ready; while :; do sleep 0.02; done"
    with served("--grace", "600", "--", *shell(deaf)) as worker:
        visit(browser, worker)
        worker.wait_for("ready")
        browser.press("#cancel")
        browser.press("#confirm-yes")
        browser.wait_for("#state-note", "s it is killed")
        yield
        gate.open()
        assert worker.ends() == 128 + signal.SIGTERM
        browser.wait_for("#state", "cancelled")


def drawn(browser):
    """How many curves of the charts have something in them."""
    return browser.viewer().get("curves", 0)
