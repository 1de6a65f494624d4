"""A journal that is broken in every way is shown again as far as it can be read."""

import json
import random
from typing import Any

import pytest

from messages import OutputWritten, ResourcesUsed, RunState, StateChanged, encode_event
from tests.support.garbage import broken
from tests.support.page_client import PageClient
from tests.support.recorded_runs import recorded_run
from tests.support.running_worker import PAGE, RunningWorker

EVENTS = [
    encode_event(StateChanged(state=RunState.TRAINING, text="it trains", epochs=3)),
    encode_event(OutputWritten(lines=("a line",), changing="50 %")),
    encode_event(ResourcesUsed(percent=1.0, memory=1, memory_total=2, cores=1, processes=1)),
]


def lines_of(messages: list[str]) -> list[bytes]:
    return [
        json.dumps({"sequence": n, "time": 1_000.0 + n, "message": message}).encode()
        for n, message in enumerate(messages, start=1)
    ]


def nasty_messages() -> list[str]:
    """Messages that are whole in themselves, and of which nothing can be expected."""
    found = ["", "\ud800", "\x1b[2J\x1b]0;title\x07", "[" * 9_000, "9" * 9_000, "x" * 300_000]
    values: list[Any] = [None, -1, "x", [], {}, [[]], 10**400, 1e308, True, "\ud800"]
    for value in values:
        for event in EVENTS:
            fields = json.loads(event)
            found += [json.dumps({**fields, name: value}) for name in fields]
        for name in ("event", "epoch", "logs", "batch"):
            begin = {"what": "", "event": "epoch_begin", "epoch": 0, "logs": {}}
            found.append(json.dumps({**begin, name: value}))
    return found


def broken_journal() -> bytes:
    chance, whole = random.Random(13), lines_of([*recorded_run("sleap_nn_full_run"), *EVENTS])
    lines = [broken(line, chance) if chance.random() < 0.5 else line for line in whole * 3]
    lines += lines_of(nasty_messages())
    times: list[Any] = [None, "x", 1e308, -1e308, "nan", 10**400, [], 0]
    for time in times:
        lines.append(json.dumps({"sequence": 1, "time": time, "message": EVENTS[0]}).encode())
    lines += [b"", b"null", b"[]", b"[" * 50_000, b"\xff" * 50, b"9" * 5_000, b'{"message": 1}']
    return b"\n".join([*lines, *whole, b'{"sequence": 1, "ti'])


def test_a_broken_journal_is_shown_to_its_end_in_the_terminal(tmp_path):
    journal = tmp_path / "run.jsonl"
    journal.write_bytes(broken_journal())
    with RunningWorker("--no-page", "--replay", str(journal), ports=()) as worker:
        assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()
    assert "are not entries of a run" in " ".join(worker.output.split())
    assert "Unhandled exception" not in worker.output
    assert "The run, as the client received it" in worker.output


def test_a_broken_journal_is_shown_to_its_end_on_the_page(tmp_path):
    journal = tmp_path / "run.jsonl"
    journal.write_bytes(broken_journal())
    with RunningWorker(*PAGE, "--replay", str(journal), ports=()) as worker:
        link = worker.link()
        with PageClient(link, "a-client") as client:
            run = recorded_run("sleap_nn_full_run")
            client.wait_for(lambda: client.reports[-len(run) :] == run)
            client.wait_for(lambda: client.events[-1:] == [json.loads(EVENTS[-1])])
        worker.ctrl_c()
        assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()


@pytest.mark.parametrize("data", [b"", b"\0" * 100_000, random.Random(1).randbytes(100_000)])
def test_a_file_that_is_no_journal_is_an_error(data, tmp_path):
    journal = tmp_path / "run.jsonl"
    journal.write_bytes(data)
    with RunningWorker("--no-page", "--replay", str(journal), ports=()) as worker:
        assert worker.ends() == 2, worker.output
        assert worker.leaves_nothing()
    assert "a journal is what --journal has written" in " ".join(worker.output.split())
    assert "Unhandled exception" not in worker.output


def test_a_broken_journal_is_gone_on_with(tmp_path):
    journal = tmp_path / "run.jsonl"
    journal.write_bytes(broken_journal())
    options = (*PAGE, "--journal", str(journal), "--adopt")
    with RunningWorker(*options) as worker:
        worker.wait_for("waiting for a trainer that runs already")
        worker.ctrl_c()
        worker.wait_for("not ready yet")
        worker.ctrl_c()
        assert worker.ends() == 130, worker.output
        assert worker.leaves_nothing()
    assert "Unhandled exception" not in worker.output
