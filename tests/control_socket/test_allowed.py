"""What may be published to a trainer, and in which spelling."""

import json

import jsonpickle
import pytest

from actors import ControlEncoding
from actors.control_socket.allowed import MAX_BYTES, MAX_DEPTH, ControlRefusedError, published_text

VERBATIM, SLEAP_NN = ControlEncoding.VERBATIM, ControlEncoding.SLEAP_NN
BOTH = list(ControlEncoding)

HARMLESS = [
    "STOP",
    "stop",
    "set_lr 0.001",
    "a-b.c:d_e F9",
    '{"command": "stop"}',
    ' {"command": "set_lr", "lr": 0.001}\n',
    '{"command": "stop", "why": "p/y", "x": {"py": 1, "xpy/reduce": 2}}',
    '{"why": "py/reduce", "list": ["py/type"]}',
    '{"command": "stop", "command": "stop"}',
    '{"name": "Zoë \U0001f600", "escaped": "\\ud800", "lr": NaN}',
    "[1, 2]",
    "7",
    "null",
    '"py/reduce"',
    "{}",
]

KEYED = [
    '{"py/reduce": []}',
    '{"\\u0070y/reduce": []}',
    '{"\\u0070\\u0079\\u002freduce": []}',
    '{"py\\/reduce": []}',
    '{"a": [1, {"b": {"py/object": "os.system"}}]}',
    '[[[[{"py/ref": 1}]]]]',
    '{"py/": 1}',
    '{"py/x": 1, "py/x": 2}',
    '{"a": {"py/type": "os.system"}, "a": 1}',
    '{"a": 1, "a": {"py/type": "os.system"}}',
    '{"command": "stop", "py/anything new": 1}',
]

NOT_JSON = [
    '{"\\x70y/reduce": []}',
    "{'py/reduce': []}",
    "py/reduce: []",
    "? !!python/object/apply:os.mkdir [x]\n: 1",
    "!!python/object/apply:os.mkdir [x]",
    '{"command": "stop",}',
    '{"command": "sto',
    "STOP!",
    "STOP\n",
    "a\tb",
    "a/b",
    "é",
    "STOP\u00a0",
    "\u0661",  # a digit, but none of 0 to 9
    "--- #",
    "&a *a",
    "%YAML",
    "a, b",
    "\x00",
    '\ufeff{"command": "stop"}',
    "\ufeffSTOP",
    '{"command": "stop"} {"command": "stop"}',
]


def refusal(command: str, encoding: ControlEncoding) -> str:
    with pytest.raises(ControlRefusedError) as refused:
        published_text(command, encoding)
    return str(refused.value)


@pytest.mark.parametrize("command", HARMLESS)
def test_harmless_text_is_published_verbatim(command: str) -> None:
    assert published_text(command, VERBATIM) == command


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize("command", KEYED)
def test_json_with_a_key_of_jsonpickles_is_refused(command: str, encoding: ControlEncoding) -> None:
    json.loads(command)
    assert "would make the trainer run code" in refusal(command, encoding)


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize("command", NOT_JSON)
def test_text_that_is_not_json_is_refused_unless_it_is_plain(
    command: str, encoding: ControlEncoding
) -> None:
    assert "not JSON" in refusal(command, encoding)


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize("command", ["", " ", "\n", "\u2003"])
def test_an_empty_command_is_refused(command: str, encoding: ControlEncoding) -> None:
    assert "empty" in refusal(command, encoding)


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize("command", ["\ud800", '{"command": "\udfff"}'])
def test_text_that_cannot_be_encoded_is_refused(command: str, encoding: ControlEncoding) -> None:
    assert "UTF-8" in refusal(command, encoding)


@pytest.mark.parametrize("encoding", BOTH)
def test_text_over_64_kib_is_refused(encoding: ControlEncoding) -> None:
    assert MAX_BYTES == 64 * 1024
    assert f"{MAX_BYTES + 1} bytes" in refusal("x" * (MAX_BYTES + 1), encoding)


def test_text_of_64_kib_is_published() -> None:
    assert published_text("x" * MAX_BYTES, VERBATIM) == "x" * MAX_BYTES


@pytest.mark.parametrize("encoding", BOTH)
def test_the_size_is_that_of_utf_8(encoding: ControlEncoding) -> None:
    command = json.dumps({"command": "é" * (MAX_BYTES // 2)}, ensure_ascii=False)
    assert len(command) < MAX_BYTES
    assert "bytes" in refusal(command, encoding)


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize("opening", ["[", '{"command":', '[{"a":'])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 5_000, 30_000])
def test_json_that_is_nested_too_deeply_is_refused(
    opening: str, depth: int, encoding: ControlEncoding
) -> None:
    closing = {"[": "]", '{"command":': "}", '[{"a":': "}]"}[opening]
    command = opening * depth + "1" + closing * depth
    if len(command) > MAX_BYTES:
        command = (opening * depth)[: MAX_BYTES - 1]
    assert refusal(command, encoding)


def test_json_at_the_greatest_depth_is_published() -> None:
    command = "[" * (MAX_DEPTH - 1) + "1" + "]" * (MAX_DEPTH - 1)
    assert published_text(command, VERBATIM) == command


@pytest.mark.parametrize(
    "command",
    [
        *("STOP", "stop", '{"command": "stop"}', ' {"command":"stop"} '),
        '{"command": "stop", "why": NaN}',
    ],
)
def test_every_spelling_of_stop_is_published_as_sleap_nn_understands_it(command: str) -> None:
    assert published_text(command, SLEAP_NN) == '{"command": "stop"}'


@pytest.mark.filterwarnings("ignore:keys will default:DeprecationWarning")
@pytest.mark.parametrize("rate", ["0.001", "1", "5e-324", "1.7976931348623157e308"])
def test_set_lr_with_one_finite_positive_number_is_published_for_sleap_nn(rate: str) -> None:
    command = f'  {{"lr": {rate}, "command": "set_lr"}}'
    text = published_text(command, SLEAP_NN)
    assert jsonpickle.decode(text) == json.loads(text) == json.loads(command)


@pytest.mark.parametrize(
    "rate", ["0", "-1e-3", "-0.0", "1e999", "NaN", "Infinity", "-Infinity", "1" + "0" * 309]
)
def test_a_learning_rate_that_is_none_is_refused_for_sleap_nn(rate: str) -> None:
    command = f'{{"command": "set_lr", "lr": {rate}}}'
    assert "a finite number above 0" in refusal(command, SLEAP_NN)


@pytest.mark.parametrize(
    "fields",
    [
        *("", ', "lr": "0.001"', ', "lr": null', ', "lr": [0.001]', ', "lr": {}', ', "lr": true'),
        *(', "lr": 0.001, "x": 1', ', "LR": 0.001'),
    ],
)
def test_set_lr_in_another_form_is_refused_for_sleap_nn(fields: str) -> None:
    command = f'{{"command": "set_lr"{fields}}}'
    assert "has lr, a number, and nothing else" in refusal(command, SLEAP_NN)


@pytest.mark.parametrize(
    "command",
    [
        *("Stop", "pause", "[1]", "7", "null", "{}", '"stop"', '{"command": 1}', '{"cmd": "stop"}'),
        *('{"command": null}', '[{"command": "stop"}]', '{"command": ["stop"]}', "true"),
        *('{"command": "x"}', '{"command": "cancel"}', '{"command": "STOP"}', "set_lr 0.001"),
    ],
)
def test_what_would_crash_a_sleap_nn_training_is_refused_for_it(command: str) -> None:
    assert published_text(command, VERBATIM) == command
    assert "may crash" in refusal(command, SLEAP_NN)


def test_of_a_command_given_twice_sleap_nn_gets_the_one_that_was_checked() -> None:
    text = published_text('{"command": 1, "command": "stop"}', SLEAP_NN)
    assert text == '{"command": "stop"}'


def test_the_refusal_is_short_however_long_the_text_is() -> None:
    key = "py/" + "x" * 10_000
    assert len(refusal(json.dumps({key: 1}), VERBATIM)) < 200


def test_a_refusal_is_a_value_error() -> None:
    assert issubclass(ControlRefusedError, ValueError)


@pytest.mark.parametrize("command", ['{"command": %s}', "[%s]"])
def test_a_number_that_python_does_not_parse_is_refused(command: str) -> None:
    assert "too many digits" in refusal(command % ("1" * 5_000), VERBATIM)


def test_a_number_that_python_does_not_parse_is_refused_for_sleap_nn() -> None:
    assert "too many digits" in refusal("1" * 5_000, SLEAP_NN)
