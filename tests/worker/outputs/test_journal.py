"""The journal: a run in a file, written as it goes and read again."""

import io
import json

import pytest

from actors.worker.outputs.journal import JournalError, open_journal, read_journal, spawn
from messages import (
    ChildDown,
    ClockTold,
    LogEntry,
    RunState,
    StateChanged,
    TextsForwarded,
    TextsTaken,
    TrainingReport,
    encode_event,
    encode_report,
)
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE

EPOCH = '{"event": "epoch_end", "epoch": 0, "logs": {"val/loss": NaN}}'
BATCH = '{"event": "batch_end", "batch": 1}'
STATE = encode_event(StateChanged(state=RunState.TRAINING, text="training"))


def clock(time, position):
    return encode_event(ClockTold(time=time, position=position))


class Writer:
    """The journal's actor on a file of the test's."""

    def __init__(self, file) -> None:
        self.parent: Probe[ChildDown] = Probe()
        self.actor = spawn(file=file, parent=self.parent)

    def write(self, *messages) -> TextsTaken:
        texts = tuple(map(encode_report, messages))
        return self.actor.ask(
            lambda reply_to: TextsForwarded(texts=texts, reply_to=reply_to), timeout=PATIENCE
        )

    def close(self) -> None:
        self.actor.stop(timeout=PATIENCE)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.jsonl"


@pytest.fixture
def writer(path):
    writer = Writer(open_journal(path, go_on=False))
    yield writer
    writer.close()


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_is_written_can_be_read_again(writer, path):
    assert writer.write(clock(10.0, 1), STATE, EPOCH, clock(11.5, 7), BATCH) == TextsTaken()
    writer.close()
    assert lines(path) == [
        {"sequence": 1, "time": 10.0, "message": STATE},
        {"sequence": 2, "time": 10.0, "message": EPOCH},
        {"sequence": 7, "time": 11.5, "message": BATCH},
    ]
    assert list(read_journal(path)) == [
        LogEntry(text=STATE, note=True, time=10.0),
        LogEntry(text=EPOCH, time=10.0),
        LogEntry(text=BATCH, time=11.5),
    ]


@pytest.mark.parametrize(
    "message",
    [EPOCH, '{"event": "train_end"}', encode_event(TrainingReport(outcome="failed", text=""))],
)
def test_it_is_on_the_disk_at_each_epoch_and_at_the_end(writer, path, message):
    writer.write(BATCH)
    assert path.read_text() == ""
    writer.write(message)
    assert [line["message"] for line in lines(path)] == [BATCH, message]


def test_a_disk_that_is_full_is_answered_with_the_reason():
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    writer = Writer(Full())
    failure = writer.write(BATCH).failure
    assert "No space left on device" in failure
    writer.close()
    writer.parent.expect(ChildDown(child="journal", reason=None))


def test_a_file_that_holds_a_run_is_not_written_over(path):
    path.write_text("{}\n")
    with pytest.raises(JournalError, match="holds a run already"):
        open_journal(path, go_on=False)
    assert path.read_text() == "{}\n"


@pytest.mark.parametrize("go_on", [False, True])
def test_a_file_that_another_worker_writes_is_left_alone(path, go_on):
    with open_journal(path, go_on=False) as file:
        with pytest.raises(JournalError, match="another worker"):
            open_journal(path, go_on=go_on)
        file.write('{"sequence": 1, "time": 1.0, "message": "a"}\n')
    with open_journal(path, go_on=True):
        assert [entry.text for entry in read_journal(path)] == ["a"]


def test_a_file_that_cannot_be_opened_says_why(tmp_path):
    with pytest.raises(JournalError, match="cannot be written"):
        open_journal(tmp_path / "none" / "run.jsonl", go_on=False)
    with pytest.raises(JournalError, match="Is a directory"):
        open_journal(tmp_path, go_on=False)
    with pytest.raises(JournalError, match="cannot be read"):
        list(read_journal(tmp_path / "none.jsonl"))


@pytest.mark.parametrize("rest", ["", '{"sequence": 3, "ti', "x" * 10_000])
def test_a_run_goes_on_behind_what_a_killed_worker_has_finished(path, rest):
    path.write_text('{"sequence": 1, "time": 1.0, "message": "a"}\n' + rest)
    writer = Writer(open_journal(path, go_on=True))
    writer.write(clock(2.0, 2), "b")
    writer.close()
    assert [entry.text for entry in read_journal(path)] == ["a", "b"]


def test_a_run_may_go_on_in_a_file_that_is_empty_or_not_there(path):
    for content in (None, "", "never finished"):
        if content is not None:
            path.write_text(content)
        with open_journal(path, go_on=True) as file:
            assert file.tell() == 0


def test_lines_that_are_no_entries_are_passed_over_with_a_warning(path, caplog):
    bad = ["", "x", "[]", "{}", '{"time": 1}', '{"message": 3, "time": 1}', '{"message": "a"}']
    bad += ['{"message": "a", "time": "soon"}', "[" * 100_000, '{"message": "\\ud800"']
    bad += ['{"message": "\\ud800", "time": 1}', '{"message": "a", "time": Infinity}']
    good = '{"sequence": 9, "time": 3, "message": "good"}'
    path.write_bytes("\n".join([*bad, good]).encode() + b"\n\xff\xfe\n")
    assert list(read_journal(path)) == [LogEntry(text="good", time=3.0)]
    assert f"{len(bad) + 1} lines" in caplog.text
