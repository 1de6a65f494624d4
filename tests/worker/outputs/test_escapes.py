"""What a terminal would obey is left out of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.worker.outputs.escapes import coloured, plain

RED, END = "\x1b[31m", "\x1b[0m"


@pytest.mark.parametrize(
    "escape",
    [
        "\x1b]0;a title\x07",
        "\x1b]0;a title\x1b\\",
        "\x1b]52;c;aGk=\x07",
        "\x1b[2J",
        "\x1b[?25l",
        "\x1bc",
        "\x1b(0",
        "\x9b2J",
        "\x9d0;a title\x9c",
        "\x1bPq#\x1b\\",
        "\x0e",
        "\x08\x7f\x00",
    ],
)
def test_what_a_terminal_would_obey_is_left_out(escape):
    assert plain(f"before{escape}after") == "beforeafter"
    assert coloured(f"{RED}before{escape}after{END}") == f"{RED}beforeafter{END}"


def test_a_plain_text_is_plain_without_its_colours():
    text = f"epoch 3:\t{RED}41 %{END} äöü \U0001f42d"
    assert plain(text) == "epoch 3:\t41 % äöü \U0001f42d"
    assert coloured(text) == text


@given(text=st.text(st.sampled_from("a\x1b[]0;m\x07\\Pc2J\x9b\x9d\x9c\x0e")))
def test_nothing_that_a_terminal_obeys_is_left_in_any_text(text):
    assert not set(plain(text)) & set("\x1b\x07\x9b\x9d\x9c\x0e")
    rest = coloured(text)
    assert plain(rest) == plain(text)
