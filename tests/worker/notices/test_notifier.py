"""Notifier: runs a command with each event, and never holds anybody up."""

import json
import logging

import pytest

from actors.worker.notices import Notifier
from actors.worker.notices import notifier as module
from tests.support.processes import ends
from tests.support.waiting import settled


@pytest.fixture
def notify(tmp_path):
    made = []

    def notify(command, **options):
        made.append(Notifier(command, {"host": "gpu", "link": ""}, **options))
        return made[-1]

    yield notify
    for notifier in made:
        notifier.close()


def failures(caplog) -> list[str]:
    return [r.getMessage() for r in caplog.records if "--notify-command" in r.getMessage()]


def test_each_event_is_on_the_commands_stdin_in_order(notify, tmp_path):
    told = tmp_path / "told"
    notifier = notify(f"cat >> '{told}'")
    notifier.tell({"event": "nan"})
    notifier.say(link="http://x/")
    notifier.tell({"event": "finished"})
    notifier.close()
    events = [json.loads(line) for line in told.read_text().splitlines()]
    assert [event["event"] for event in events] == ["nan", "finished"]
    assert events[-1] == {"event": "finished", "host": "gpu", "link": "http://x/"}


def test_a_command_that_fails_is_in_the_log_once(notify, tmp_path, caplog):
    notifier = notify("echo no such service >&2; exit 3")
    for _ in range(3):
        notifier.tell({"event": "nan"})
    notifier.close()
    (failure,) = failures(caplog)
    assert "exit code 3: no such service" in failure
    assert caplog.records[-1].levelno == logging.WARNING


def test_a_command_that_reads_nothing_is_as_good_as_any(notify, tmp_path, caplog):
    notifier = notify(f"touch '{tmp_path}/told'")
    notifier.tell({"event": "nan", "text": "x" * 1_000_000})
    notifier.close()
    assert (tmp_path / "told").exists()
    assert failures(caplog) == []


def test_a_command_that_does_not_end_is_killed_with_all_that_it_has_started(
    notify, tmp_path, caplog, gate
):
    notifier = notify(
        f"sleep 600 & echo $! > '{tmp_path}/pid'; read line < '{gate.path}'", timeout=1
    )
    notifier.tell({"event": "nan"})
    notifier.tell({"event": "nan"})
    notifier.close()
    assert "was killed" in failures(caplog)[0]
    assert ends(int((tmp_path / "pid").read_text()))


def test_the_end_waits_for_a_bounded_time(notify, caplog, gate):
    notifier = notify(f"read line < '{gate.path}'")
    notifier.tell({"event": "nan"})
    assert settled(lambda: notifier._process is not None)
    notifier.close(timeout=0.2)
    assert "does not wait for it" in failures(caplog)[0]


def test_events_that_it_cannot_keep_up_with_are_dropped(notify, caplog, gate, monkeypatch):
    monkeypatch.setattr(module, "QUEUED", 2)
    notifier = notify(f"read line < '{gate.path}'")
    for _ in range(10):
        notifier.tell({"event": "nan"})
    assert "too slow" in failures(caplog)[0]
    notifier.close(timeout=0.2)
