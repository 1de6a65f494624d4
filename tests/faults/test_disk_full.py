"""No space is left under the journal."""

import json
from pathlib import Path

import pytest

from tests.support.disks import mounted
from tests.support.page_client import PageClient
from tests.support.processes import ProcessGate
from tests.support.running_worker import PAGE, RunningWorker
from tests.support.texts import reports
from tests.support.trainer_process import trainer

ROOM = 64 * 1024
"""Bytes; the journal of some hundred reports."""


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system with little room."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    with mounted(folder, f"size={ROOM}"):
        yield folder


def test_a_disk_that_fills_up_ends_the_journal_and_not_the_training(tiny_disk, gate):
    journal = tiny_disk / "run.jsonl"
    assert "No space left on device" in error_of_a_run_with(journal, gate)
    sequence = [json.loads(line)["sequence"] for line in whole_lines(journal)]
    assert sequence == list(range(1, len(sequence) + 1))
    assert len(sequence) > 100


def test_a_journal_that_may_grow_no_more_ends_and_the_training_does_not(tmp_path, gate):
    journal = tmp_path / "run.jsonl"
    assert "File too large" in error_of_a_run_with(journal, gate, largest=ROOM)
    assert len(whole_lines(journal)) > 100


def test_a_disk_that_is_full_from_the_start_ends_the_journal_and_not_the_training(gate):
    assert "No space left on device" in error_of_a_run_with(Path("/dev/full"), gate)


def error_of_a_run_with(journal: Path, gate: ProcessGate, largest: int | None = None) -> str:
    """What the terminal says in a run that is no less than whole for everybody else."""
    options = (*PAGE, "--no-record", "--journal", str(journal))
    steps = trainer("send:2000", f"read:{gate.path}", "leave", "exit:6")
    limit = () if largest is None else ("prlimit", f"--fsize={largest}")
    with RunningWorker(*options, "--", *steps, under=limit) as worker:
        with PageClient(worker.link(), "a-client") as client:
            gate.open()
            assert client.wait_for_reports(2_000) == reports(2_000)
            assert worker.ends() == 6, worker.output
            assert client.wait_for_event("warning")
        assert worker.leaves_nothing()
    assert worker.count("received by the client") == 2_000
    output = " ".join(worker.output.split())  # the terminal wraps lines
    assert output.count("the journal is not written any more") == 1
    return output.partition("the journal is not written any more")[2]


def whole_lines(journal: Path) -> list[str]:
    text, _, _ = journal.read_text().rpartition("\n")
    return text.splitlines()
