"""The journal: a run in a file, written as it goes and read again."""

import json
import os
from pathlib import Path

import pytest

from actors.worker.outputs.journal import (
    JournalCap,
    JournalError,
    open_journal,
    read_journal,
    spawn,
)
from messages import (
    ChildDown,
    ClockTold,
    LogEntry,
    Mailbox,
    RunState,
    StateChanged,
    TextsForwarded,
    TextsTaken,
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

    def __init__(self, file, cap: JournalCap | None = None) -> None:
        self.parent: Probe[ChildDown] = Probe()
        self.actor = spawn(file=file, parent=self.parent, cap=cap)

    def write(self, *messages) -> TextsTaken:
        texts = tuple(map(encode_report, messages))

        def request(reply_to: Mailbox[TextsTaken]) -> TextsForwarded:
            return TextsForwarded(texts=texts, reply_to=reply_to)

        return self.actor.ask(request, timeout=PATIENCE)

    def close(self) -> None:
        self.actor.stop(timeout=PATIENCE)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.jsonl"


@pytest.fixture
def writer(path):
    writer = Writer(open_journal(path))
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


def test_what_is_answered_is_on_the_disk(writer, path):
    writer.write(BATCH)
    writer.write(EPOCH, BATCH)
    assert [line["message"] for line in lines(path)] == [BATCH, EPOCH, BATCH]


@pytest.mark.parametrize("instead", [None, "something else"])
def test_a_file_that_is_moved_is_written_on_and_said_to_be_where_it_is(writer, path, instead):
    writer.write(BATCH)
    moved = path.rename(path.with_name("moved.jsonl"))
    if instead is not None:
        path.write_text(instead)
    assert writer.write(EPOCH) == TextsTaken(moved_to=str(moved))
    assert [line["message"] for line in lines(moved)] == [BATCH, EPOCH]
    moved.rename(path)
    assert writer.write(BATCH) == TextsTaken()


def test_a_file_that_something_else_has_replaced_is_lost(writer, path):
    writer.write(BATCH)
    path.with_name("new").write_text("something else")
    path.with_name("new").rename(path)
    taken = writer.write(EPOCH)
    assert "removed, moved or replaced" in taken.failure
    assert taken.is_lost
    assert path.read_text() == "something else"


def test_a_disk_that_is_full_is_answered_with_the_reason():
    writer = Writer(Path("/dev/full").open("w"))  # noqa: SIM115 - the actor closes it
    failure = writer.write(BATCH).failure
    assert "No space left on device" in failure
    writer.close()
    writer.parent.expect(ChildDown(child="journal", reason=None))


ENTRY = '{"sequence": 1, "time": 1.0, "message": "a"}\n'


@pytest.mark.parametrize(
    "content",
    [
        b"{}\n",
        b"never finished",
        b'{"labels": [1, 2, 3], "skeletons": [], "videos": ["a.mp4"]}',
        b"PK\x03\x04" + b"\0" * 5_000 + b"the checkpoint's tail, without a line's end",
        b"\n\n" + ENTRY.encode(),
    ],
)
def test_a_file_that_is_not_a_journal_is_left_as_it_is(path, content):
    path.write_bytes(content)
    with pytest.raises(JournalError, match="is not a journal"):
        open_journal(path)
    assert path.read_bytes() == content


def test_a_pipe_is_not_waited_for(path):
    os.mkfifo(path)
    with pytest.raises(JournalError, match="it is a pipe"):
        open_journal(path)


def test_a_last_line_that_is_something_else_is_ended_and_not_cut(path):
    path.write_text(ENTRY + "somebody's words")
    open_journal(path).close()
    assert path.read_text() == ENTRY + "somebody's words\n"


def test_a_file_that_another_worker_writes_is_left_alone(path):
    with open_journal(path) as file:
        with pytest.raises(JournalError, match="another worker"):
            open_journal(path)
        file.write('{"sequence": 1, "time": 1.0, "message": "a"}\n')
    with open_journal(path):
        assert [entry.text for entry in read_journal(path)] == ["a"]


def test_a_file_that_cannot_be_opened_says_why(tmp_path):
    with pytest.raises(JournalError, match="cannot be written"):
        open_journal(tmp_path / "none" / "run.jsonl")
    with pytest.raises(JournalError, match="Is a directory"):
        open_journal(tmp_path)
    with pytest.raises(JournalError, match="cannot be read"):
        list(read_journal(tmp_path / "none.jsonl"))


@pytest.mark.parametrize("rest", ["", "{", '{"sequence": 3, "ti', '{"sequence": 3' + "x" * 200_000])
def test_a_run_goes_on_behind_what_a_killed_worker_has_finished(path, rest):
    path.write_text('{"sequence": 1, "time": 1.0, "message": "a"}\n' + rest)
    writer = Writer(open_journal(path))
    writer.write(clock(2.0, 2), "b")
    writer.close()
    assert [entry.text for entry in read_journal(path)] == ["a", "b"]


def test_a_run_may_go_on_in_a_file_that_is_empty_or_not_there(path):
    for content in (None, "", '{"seq'):
        if content is not None:
            path.write_text(content)
        with open_journal(path) as file:
            assert file.tell() == 0


def test_lines_that_are_no_entries_are_passed_over_with_a_warning(path, caplog):
    bad = ["", "x", "[]", "{}", '{"time": 1}', '{"message": 3, "time": 1}', '{"message": "a"}']
    bad += ['{"message": "a", "time": "soon"}', "[" * 100_000, '{"message": "\\ud800"']
    bad += ['{"message": "\\ud800", "time": 1}', '{"message": "a", "time": Infinity}']
    good = '{"sequence": 9, "time": 3, "message": "good"}'
    path.write_bytes("\n".join([*bad, good]).encode() + b"\n\xff\xfe\n")
    assert list(read_journal(path)) == [LogEntry(text="good", time=3.0)]
    assert f"{len(bad) + 1} lines" in caplog.text


def test_of_a_journal_that_is_full_the_oldest_batch_reports_go_and_the_epochs_stay(path):
    writer = Writer(open_journal(path), JournalCap(size=20_000, spare=0))
    for _ in range(20):
        assert writer.write(EPOCH, *[BATCH] * 30) == TextsTaken()
        assert path.stat().st_size <= 20_000
    with pytest.raises(JournalError, match="another worker"):
        open_journal(path)
    assert writer.write(EPOCH) == TextsTaken()
    writer.close()
    texts = [entry.text for entry in read_journal(path)]
    assert texts.count(EPOCH) == 21
    assert 30 < texts.count(BATCH) < 20 * 30
    assert texts[-2] == BATCH  # it is the oldest ones that have gone
    numbers = [line["sequence"] for line in lines(path)]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 20 * 31 + 1


def test_a_journal_of_which_nothing_may_go_ends_when_it_is_full(path):
    writer = Writer(open_journal(path), JournalCap(size=2_000, spare=0))
    assert "it has 2000 bytes" in writer.write(*[EPOCH] * 100).failure
    writer.close()
    assert path.stat().st_size <= 2_000


def test_nothing_is_written_where_little_is_free(path):
    writer = Writer(open_journal(path), JournalCap(size=10**6, spare=10**18))
    assert "GB is free on its disk" in writer.write(EPOCH).failure
    writer.close()
    assert path.stat().st_size == 0
