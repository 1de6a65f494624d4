"""A process's output, read as a terminal would show it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.worker.outputs import plain
from actors.worker.trainer.output import OutputLines
from actors.worker.trainer.screen import BLOCK, BLOCK_LINE, HEIGHT
from tests.support.paths import ROOT
from tests.support.terminal import shown, without_blank_end
from tests.support.waiting import PATIENCE

RECORDINGS = sorted((ROOT / "tests" / "data" / "output").glob("*.bin"))
QUIET = settings(max_examples=100)


class Reader:
    """Reads an output, and keeps what it was told."""

    def __init__(self) -> None:
        self._lines = OutputLines(clock=lambda: 0.0)
        self.told: list[str] = []
        self.changing: str | None = None

    def read(self, *pieces: bytes) -> "Reader":
        for piece in pieces:
            written = self._lines.feed(piece)
            self.told += written.lines
            self.changing = written.changing
        return self

    def end(self) -> list[str]:
        """All lines."""
        return [*self.told, *self._lines.end().lines]


def lines_of(*pieces: bytes) -> list[str]:
    return Reader().read(*pieces).end()


def visible(lines: list[str]) -> list[str]:
    return without_blank_end([plain(line) for line in lines])


# What programs really write


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_of_a_real_program_the_lines_are_told_that_stand_in_a_terminal(recording: Path):
    output = recording.read_bytes()
    standing = recording.with_suffix(".txt").read_text().splitlines()
    assert visible(lines_of(output)) == standing
    assert shown(output) == standing


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_the_lines_of_a_real_program_do_not_depend_on_the_pieces_they_come_in(recording: Path):
    output = recording.read_bytes()
    whole = lines_of(output)
    for size in (1, 7, 100, 1000):
        pieces = [output[at : at + size] for at in range(0, len(output), size)]
        assert lines_of(*pieces) == whole


def test_colours_of_a_block_that_is_drawn_again_and_again_stay():
    lines = lines_of((ROOT / "tests/data/output/rich_progress.bin").read_bytes())
    bar = "━" * 40
    assert lines[1] == "epoch \x1b[1;36m1\x1b[0m has \x1b[1mended\x1b[0m"
    assert lines[4] == (
        f"\x1b[31mtrain\x1b[0m \x1b[90m{bar}\x1b[0m \x1b[35m100%\x1b[0m \x1b[36m0:00:00\x1b[0m"
    )


def test_three_epochs_of_lightning_with_a_validation_bar_are_the_lines_that_stand():
    output = (ROOT / "tests/data/output/lightning_leave.bin").read_bytes()
    bars = [line for line in lines_of(output) if line.startswith("Epoch ")]
    assert len(bars) == 3  # 47 before, a line for each state of the validation bar among them
    assert all("100%" in bar and "20/20" in bar for bar in bars)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_while_bars_run_nothing_is_told_that_will_not_stand(recording: Path):
    reader = Reader()
    output = recording.read_bytes()
    for at in range(0, len(output), 50):
        reader.read(output[at : at + 50])
    standing = recording.with_suffix(".txt").read_text().splitlines()
    assert visible(reader.told) == standing[: len(visible(reader.told))]


NESTED = """\
import sys
from tqdm import tqdm, trange
for epoch in trange(2, desc="epochs", mininterval=0, file=sys.stdout):
    for batch in tqdm(range(3), desc="batches", mininterval=0, leave=False, file=sys.stdout):
        pass
    tqdm.write(f"epoch {epoch + 1} has ended")
print("saved")
"""
PROGRESS = """\
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
console = Console(force_terminal=True, width=60, color_system=None)
columns = TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.completed:.0f}")
with Progress(*columns, console=console, auto_refresh=False) as progress:
    tasks = [progress.add_task(name, total=3) for name in ("train", "val", "test")]
    for _ in range(3):
        for task in tasks:
            progress.advance(task)
            progress.refresh()
        progress.console.print("a line")
print("saved")
"""


@pytest.mark.parametrize("program", [NESTED, PROGRESS], ids=["tqdm", "rich"])
def test_a_program_of_today_is_shown_as_in_a_terminal(program):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=PATIENCE, check=True
    )
    lines = visible(lines_of(done.stdout))
    assert lines == shown(done.stdout)
    assert lines[-1] == "saved"


# What stands, and what may still change


def test_nested_bars_are_one_changing_block():
    reader = Reader().read(b"begin\n\router 0/3\n\rinner 0/2\x1b[A\n\rinner 1/2\x1b[A")
    assert (reader.told, reader.changing) == (["begin"], "outer 0/3\ninner 1/2")
    reader.read(b"\n\r         \x1b[A\router 1/3")
    assert (reader.told, reader.changing) == (["begin"], "outer 1/3")


def test_a_bar_stands_when_text_follows_it():
    assert Reader().read(b"\r 50%\r100%\nsaved\n").told == ["100%", "saved"]


def test_a_bar_stands_when_the_next_one_is_drawn_again():
    reader = Reader().read(b"\rone 50%\rone 100%\n\rtwo 0%")
    assert (reader.told, reader.changing) == ([], "one 100%\ntwo 0%")
    assert reader.read(b"\rtwo 50%").told == ["one 100%"]


def test_a_block_that_begins_behind_a_hidden_cursor_is_not_told_before_it_ends():
    reader = Reader().read(
        b"\x1b[?25lone 0\ntwo 0\nthree 0\r\x1b[2K\x1b[A\x1b[2K\x1b[A\x1b[2Kone 1"
    )
    assert reader.told == []
    assert reader.read(b"\ntwo 1\nthree 1\n\x1b[?25hsaved\n").end() == [
        "one 1",
        "two 1",
        "three 1",
        "saved",
    ]


def test_what_a_program_prints_above_its_block_is_told_while_the_block_goes_on():
    reader = Reader()
    for number in range(10):
        reader.read(b"\rbar %d\n\rbelow %d\x1b[A" % (number, number))
    reader.read(b"\r\x1b[Jprinted\n")
    for number in range(10):
        reader.read(b"\rbar %d\n\rbelow %d\x1b[A" % (number, number))
    assert (reader.told, reader.changing) == (["printed"], "bar 9\nbelow 9")


def test_a_row_that_was_told_already_is_told_again_in_its_new_state_and_mixes_nothing_up():
    reader = Reader().read(b"one\ntwo\n\x1b[2A\rONE\x1b[2B\rthree\n")
    assert reader.end() == ["one", "two", "ONE", "three"]


def test_the_block_has_ten_lines_at_most_and_none_is_lost():
    rows = b"".join(b"\r%d\n" % number for number in range(20))
    reader = Reader().read(rows + b"\x1b[20A")
    assert reader.changing.split("\n") == [str(number) for number in range(20 - BLOCK, 20)]
    assert reader.end() == [str(number) for number in range(20)]


def test_a_cursor_that_goes_below_the_last_row_stays_there():
    for down in (b"\x1b[9999B", b"\x1b[3B", b"\x1b[2E\x1b[5C"):
        lines = lines_of(b"\n" * HEIGHT, *[down + b"x"] * 10 * HEIGHT)
        assert len(lines) <= 2 * HEIGHT
        assert lines[-1].endswith("x")


def test_what_a_program_holds_open_has_an_end():
    reader = Reader().read(*(b"\rbar %d\n" % number for number in range(10 * HEIGHT)))
    assert len(reader.told) >= 9 * HEIGHT
    wide = Reader().read(b"\rx" + b"wide" * 4000 + b"\n\ry\x1b[A")
    assert max(map(len, wide.changing.split("\n"))) <= BLOCK_LINE


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (b"loading...\b\b\b: done\n", "loading: done"),
        (b"one two\r\x1b[4G-and-\n", "one-and-"),
        (b"a title\x1b]0;of the window\x07 is none\n", "a title is none"),
        (b"\x1b[5Cright\n", "     right"),
        (b"wide \xe6\x97\xa5\xe6\x9c\xac\rWIDE __\n", "WIDE __本"),
        (b"12345\r\x1b[2P\n", "345"),
        (b"12345\r\x1b[2@\n", "  12345"),
        (b"12345\x1b[1K\n", ""),
        (b"12345\r\x1b[3X\n", "   45"),
        (b"saved\x1b7 here\x1b8 there\n", "saved there"),
        (b"\x1b[1;2;3;4;5;6;7;8Ax\n", "x"),
        ("\x1b[²Ax\n".encode(), "²Ax"),
        (b"\x1b[99999999999999999999999Cx\x1b[2K\ry\n", "y"),
        (b"broken \x1b]off", "broken "),
    ],
)
def test_a_line_is_what_a_terminal_makes_of_it(output, line):
    assert lines_of(output) == [line]


def test_a_command_that_does_not_end_swallows_no_output():
    lines = lines_of(b"\x1b]0;", *(b"line %d\n" % number for number in range(1000)))
    assert lines[-1] == "line 999"
    assert len(lines) == 1000


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (b"\x1b[31mred\x1b[0m plain\n", "\x1b[31mred\x1b[0m plain"),
        (b"\x1b[31mred\x1b[m plain\n", "\x1b[31mred\x1b[0m plain"),
        (b"\x1b[1;38;5;200mbright\x1b[0m\n", "\x1b[1;38;5;200mbright\x1b[0m"),
        (
            b"\x1b[1mbold \x1b[32mgreen\x1b[22m thin\n",
            "\x1b[1mbold \x1b[0;1;32mgreen\x1b[0;32m thin\x1b[0m",
        ),
        (b"\x1b[38;2;1;2;3mtrue\x1b[39m\n", "\x1b[38;2;1;2;3mtrue\x1b[0m"),
        (b"\x1b[?1049hscreen\n", "screen"),
    ],
)
def test_a_line_keeps_its_colours(output, line):
    assert lines_of(output) == [line]


def test_a_colour_goes_on_in_the_next_line_as_in_a_terminal():
    assert lines_of(b"\x1b[31mred\nred too\x1b[0m\n") == [
        "\x1b[31mred\x1b[0m",
        "\x1b[31mred too\x1b[0m",
    ]


# Against a terminal

STEPS = st.sampled_from(
    [
        *(b"\n", b"\n", b"\r", b"\b", b"\x1b[A", b"\x1b[2A", b"\x1b[B", b"\x1b[3C", b"\x1b[2D"),
        *(b"\x1b[K", b"\x1b[1K", b"\x1b[2K", b"\x1b[J", b"\x1b[4G", b"\x1b[E", b"\x1b[F"),
        *(b"\x1b[2P", b"\x1b[2X", b"\x1b[31m", b"\x1b[0m", b"\x1b7", b"\x1b8"),
        *(b"a", b"text", b"10%", b"   ", "█▌".encode()),
    ]
)


def within(steps: list[bytes]) -> bytes:
    """``steps`` whose cursor stays below its first row; pyte restores what was saved once alone."""
    row, kept = 0, []
    saved: Any = None
    for step in steps:
        up = {b"\x1b[A": 1, b"\x1b[2A": 2, b"\x1b[F": 1}.get(step, 0)
        if row < up or (step == b"\x1b8" and saved is None):
            continue
        if step == b"\x1b8":
            row, saved = saved, None
        else:
            row += (step in (b"\n", b"\x1b[B", b"\x1b[E")) - up
            saved = row if step == b"\x1b7" else saved
        kept.append(step)
    return b"".join(kept)


@QUIET
@given(st.lists(STEPS, max_size=40))
def test_whatever_is_written_behind_a_hidden_cursor_it_is_as_in_a_terminal(steps):
    output = within(steps)
    assert visible(lines_of(b"\x1b[?25l\x1b[s\n\x1b[A" + output)) == shown(output)
