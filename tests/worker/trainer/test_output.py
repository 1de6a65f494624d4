"""A process's output, cut into lines."""

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.worker.trainer.output import MAX_LINE, LineBudget, OutputLines, Written

QUIET = settings(deadline=None, derandomize=True, database=None, max_examples=300)


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


def test_no_output_gives_no_line():
    assert lines_of() == []
    assert lines_of(b"") == []


def test_of_a_progress_bar_only_the_last_state_is_told():
    assert lines_of(b"\r 10%", b"\r 50%", b"\r100%\nsaved\n") == ["100%", "saved"]


def test_a_progress_bar_that_ends_with_a_carriage_return_keeps_its_last_state():
    assert lines_of(b" 10%\r 50%\r") == [" 50%"]


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
    assert first == Written(("x" * MAX_LINE, "x"), None)
    assert lines.feed(b"yy\n") == Written(("yy",), None)


def test_no_line_is_longer_than_a_message_may_be():
    found = lines_of(b"a" * (3 * MAX_LINE) + b"b\nc\n")
    assert [len(line) for line in found] == [MAX_LINE] * 3 + [1, 1]


def test_a_line_that_is_written_again_and_again_is_told_in_its_last_state():
    lines = OutputLines()
    assert lines.feed(b"one\n 10%\r 20%") == Written(("one",), " 20%")
    assert lines.feed(b"\r 30%") == Written((), " 30%")
    assert lines.feed(b"\r100%\ntwo") == Written(("100%",), None)


def test_a_changing_line_stays_one_when_it_is_cut_to_its_last_state():
    lines = OutputLines()
    for number in range(MAX_LINE):
        found = lines.feed(f"\r{number:>5}%".encode())
        assert found == Written((), f"{number:>5}%")


def test_a_budget_lets_a_lot_pass_and_says_what_it_left_out():
    budget, line = LineBudget(), "x" * 1023
    passed = [budget.pass_on((line,) * 1024, now=0.0) for _ in range(20)]
    assert [len(lines) for lines in passed] == [1024] * 16 + [0] * 4
    assert budget.pass_on(("a",), now=0.1) == ("... 4096 lines of output are left out", "a")
    assert budget.pass_on((), now=0.1) == ()
    assert budget.pass_on(("b",), now=0.2) == ("b",)


def test_a_line_of_just_the_longest_length_is_not_cut():
    lines = OutputLines()
    assert lines.feed(b"x" * MAX_LINE) == Written((), None)
    assert lines.feed(b"\n") == Written(("x" * MAX_LINE,), None)


def test_a_long_line_after_a_carriage_return_is_cut_too():
    lines = OutputLines()
    told = [line for _ in range(10) for line in lines.feed(b"\r" + b"x" * MAX_LINE).lines]
    told += [line for _ in range(10) for line in lines.feed(b"x" * MAX_LINE).lines]
    assert len("".join(told)) > 5 * MAX_LINE, "it is held without a limit"


def test_a_long_line_is_whole_also_when_its_carriage_return_and_newline_come_apart():
    line = b"x" * (MAX_LINE + 1)
    assert "".join(lines_of(line + b"\r", b"\n")) == "x" * (MAX_LINE + 1)


@st.composite
def outputs_in_pieces(draw: st.DrawFn) -> list[bytes]:
    """An output, cut at any places; shorter than a line may be."""
    bits = st.sampled_from(
        [b"\n", b"\r", b"a", b"10%", "→".encode(), "🐁".encode(), b"\xff", b"\xe2"]
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
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1)))
def test_text_lines_come_out_as_they_were_written(texts):
    assert lines_of("".join(f"{text}\n" for text in texts).encode()) == texts
