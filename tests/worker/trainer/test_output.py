"""A process's output, cut into lines."""

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.worker.trainer.output import (
    BURST,
    BYTES_PER_SECOND,
    END_KEPT,
    OutputLines,
    Written,
)
from actors.worker.trainer.row import MAX_LINE

QUIET = settings(max_examples=200)


def lines_of(*feeds: bytes) -> list[str]:
    """All lines of an output that came in these pieces."""
    lines = OutputLines()
    found = [line for data in feeds for line in lines.feed(data).lines]
    return [*found, *lines.end().lines]


def test_a_line_is_told_as_soon_as_its_end_has_come():
    lines = OutputLines()
    assert lines.feed(b"one\ntwo\nthr") == Written(("one", "two"), None)
    assert lines.feed(b"ee\n") == Written(("three",), None)
    assert lines.end() == Written((), None)


def test_empty_lines_are_kept():
    assert lines_of(b"a\n\n\nb\n") == ["a", "", "", "b"]


def test_an_output_without_a_final_newline_ends_with_a_line():
    assert lines_of(b"one\ntwo") == ["one", "two"]


def test_blanks_at_the_beginning_of_a_line_stay_whatever_comes_before_it():
    assert lines_of(b"one\r\n   ", b"two\n") == ["one", "   two"]


def test_no_output_gives_no_line():
    assert lines_of() == []
    assert lines_of(b"") == []


def test_of_a_progress_bar_only_the_last_state_is_told():
    assert lines_of(b"\r 10%", b"\r 50%", b"\r100%\nsaved\n") == ["100%", "saved"]


def test_a_progress_bar_that_ends_with_a_carriage_return_keeps_its_last_state():
    assert lines_of(b" 10%\r 50%\r") == [" 50%"]
    assert lines_of(b" 50%\r") == [" 50%"]


def test_lines_that_end_with_carriage_return_and_newline_lose_both():
    assert lines_of(b"one\r\ntwo\r", b"\nthree") == ["one", "two", "three"]


def test_a_progress_bar_of_any_length_is_one_line():
    states = [f"\r{number:>9}%".encode() for number in range(MAX_LINE)]
    assert lines_of(*states, b"\n") == [f"{MAX_LINE - 1:>9}%"]


def test_a_character_may_come_in_pieces():
    pieces = [bytes([byte]) for byte in "µm → 🐁\n".encode()]
    assert lines_of(*pieces) == ["µm → 🐁"]


def test_bytes_that_are_not_utf_8_become_replacement_characters():
    assert lines_of(b"loss \xff\xfe 0.5\nnext\n") == ["loss �� 0.5", "next"]


def test_a_character_that_the_end_cuts_off_becomes_a_replacement_character():
    assert lines_of("a→".encode()[:-1]) == ["a�"]


def test_a_long_line_without_an_end_is_cut_and_nothing_of_it_is_lost():
    lines = OutputLines()
    first = lines.feed(b"x" * (MAX_LINE + 1))
    assert first == Written(("x" * MAX_LINE,), None)
    assert lines.feed(b"yy\n") == Written(("xyy",), None)


def test_no_line_is_longer_than_a_message_may_be():
    found = lines_of(b"a" * (3 * MAX_LINE) + b"b\nc\n")
    assert [len(line) for line in found] == [MAX_LINE] * 3 + [1, 1]


def test_a_line_that_is_written_again_and_again_is_told_in_its_last_state():
    lines = OutputLines()
    assert lines.feed(b"one\n 10%\r 20%") == Written(("one",), " 20%")
    assert lines.feed(b"\r 30%") == Written((), " 30%")
    assert lines.feed(b"\r100%\ntwo") == Written(("100%",), None)
    assert lines.feed(b"\n") == Written(("two",), None)


def test_a_changing_line_stays_one_when_it_is_cut_to_its_last_state():
    lines = OutputLines()
    for number in range(MAX_LINE):
        found = lines.feed(f"\r{number:>5}%".encode())
        assert found == Written((), f"{number:>5}%")


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_output_beyond_all_measure_is_left_out_and_it_says_how_much():
    clock = Clock()
    lines = OutputLines(clock)
    chunk = (b"x" * 1023 + b"\n") * 1024
    told = [len(lines.feed(chunk).lines) for _ in range(20)]
    assert told == [1024] * 16 + [0] * 4
    clock.now += len(chunk) / BYTES_PER_SECOND
    assert lines.feed(b"the rest of one\ntwo\n").lines == (
        "... 4081 lines of output are left out",
        *["x" * 1023] * (END_KEPT // 1024 - 1),
        *("the rest of one", "two"),
    )
    assert lines.feed(b"three\n").lines == ("three",)


def test_the_end_of_the_output_is_shown_however_much_was_left_out():
    clock = Clock()
    lines = OutputLines(clock)
    assert lines.feed(b"begun" + b"\n" * (BURST - 10)).changing is None
    assert lines.feed(b"open") == Written((), None)
    assert lines.feed(b"\n" * BURST) == Written(("open",), None)
    assert lines.feed(b"x" * 2 * END_KEPT + b"\none\ntw") == Written((), None)
    assert lines.feed(b"o\nRuntimeError: CUDA out of mem") == Written((), None)
    assert lines.feed(b"ory") == Written((), None)
    assert lines.end().lines == (
        f"... {BURST + 1} lines of output are left out",
        *("one", "two", "RuntimeError: CUDA out of memory"),
    )


def test_what_was_left_out_last_is_shown_when_there_is_room_again():
    clock = Clock()
    lines = OutputLines(clock)
    lines.feed(b"\n" * (BURST - 100))
    refused = b"y" * 2 * END_KEPT + b"\nRuntimeError: CUDA out of mem"
    assert lines.feed(refused) == Written((), None)
    clock.now += 1
    assert lines.feed(b"ory\n").lines == (
        "... 1 lines of output are left out",
        "RuntimeError: CUDA out of memory",
    )
    assert lines.end() == Written((), None)


def test_a_line_that_is_left_out_whole_at_the_end_is_shown():
    lines = OutputLines(Clock())
    lines.feed(b"\n" * BURST)
    assert lines.feed(b"RuntimeError: CUDA out of memory\n") == Written((), None)
    assert lines.end().lines == ("RuntimeError: CUDA out of memory",)


def test_output_without_a_line_that_is_left_out_at_the_end_is_said_too():
    lines = OutputLines(Clock())
    lines.feed(b"\n" * BURST)
    assert lines.feed(b"x" * BURST) == Written((), None)
    assert lines.end().lines == ("... 1 lines of output are left out",)


def test_a_bar_that_is_left_out_goes_on_with_its_next_state():
    clock = Clock()
    lines = OutputLines(clock)
    assert lines.feed(b"\r 10%").changing == " 10%"
    assert lines.feed(b"\r 20%" * BURST) == Written((" 10%",), None)
    clock.now += 1.0
    assert lines.feed(b"\r 30%\r 40%") == Written((), " 40%")


def test_what_costs_more_time_to_read_is_left_out_earlier():
    lines = OutputLines(Clock())
    chunk = b"\x1b[8000Cx\x1b[2K" * 5000
    fed = 0
    while lines.feed(chunk).changing is not None or fed == 0:
        fed += len(chunk)
        lines.feed(b"\n")
        assert fed < BURST / 5


def test_what_the_cursor_has_passed_over_is_left_out_like_what_has_come():
    clock = Clock()
    lines = OutputLines(clock)
    chunk = b"\x1b[8000Cx\n" * 100
    told = 0
    for _ in range(10_000):
        told += sum(map(len, lines.feed(chunk).lines))
        clock.now += 0.001
    assert BURST / 2 < told < BURST + 11 * BYTES_PER_SECOND


def test_a_line_that_comes_in_pieces_counts_once():
    clock = Clock()
    lines = OutputLines(clock)
    for _ in range(BURST // MAX_LINE - 1):
        for _ in range(8):
            assert lines.feed(b"x" * (MAX_LINE // 8 - 1)).lines == ()
        assert len(lines.feed(b"\n").lines) == 1


def test_a_line_of_just_the_longest_length_is_not_cut():
    lines = OutputLines()
    assert lines.feed(b"x" * MAX_LINE) == Written((), None)
    assert lines.feed(b"\n") == Written(("x" * MAX_LINE,), None)


def test_a_long_line_after_a_carriage_return_is_cut_too():
    lines = OutputLines()
    told = [line for _ in range(10) for line in lines.feed(b"\r" + b"x" * MAX_LINE).lines]
    told += [line for _ in range(100) for line in lines.feed(b"x" * MAX_LINE).lines]
    assert len("".join(told)) > 40 * MAX_LINE, "it is held without a limit"


def test_a_long_line_is_whole_also_when_its_carriage_return_and_newline_come_apart():
    line = b"x" * (MAX_LINE + 1)
    assert "".join(lines_of(line + b"\r", b"\n")) == "x" * (MAX_LINE + 1)


@st.composite
def outputs_in_pieces(draw: st.DrawFn) -> list[bytes]:
    """An output, cut at any places."""
    bits = st.sampled_from(
        [
            *(
                b"\n",
                b"\n",
                b"\r",
                b"a",
                b"  ",
                b"10%",
                "→".encode(),
                "🐁".encode(),
                "e\u0301".encode(),
            ),
            *(b"\xff", b"\xe2", b"\x1b", b"\x1b[A", b"\x1b[2K", b"\x1b[3", b"\x1b]0;", b"\x07"),
            *(b"\x1b[?25l", b"\x1b[?25h", b"\x1b[31m", b"\x1b[0m", b"\xc2\x9b2A", b"x" * 3000),
        ]
    )
    output = b"".join(draw(st.lists(bits | st.binary(max_size=4), max_size=40)))
    cuts = sorted(draw(st.lists(st.integers(0, len(output)), max_size=10)))
    return [
        output[first:last] for first, last in zip([0, *cuts], [*cuts, len(output)], strict=True)
    ]


@QUIET
@given(outputs_in_pieces())
def test_the_lines_do_not_depend_on_the_pieces_that_the_output_comes_in(pieces):
    assert lines_of(*pieces) == lines_of(b"".join(pieces))


@QUIET
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=15)))
def test_text_lines_come_out_as_they_were_written(texts):
    assert lines_of("".join(f"{text}\n" for text in texts).encode()) == texts
