"""Data-channel text: what each prefix means, and where it counts."""

import pytest

from messages import (
    CONTROL_PREFIXES,
    PROGRESS_REPORT,
    ControlText,
    OtherText,
    decode_report,
    encode_report,
    parse_client_text,
)

COMMANDS = [
    "STOP",
    '{"command": "stop"}',
    "",
    "a::b",
    "::",
    "ZMQ_CTRL::STOP",
    " STOP\n",
    "é\U0001f600",
]


def test_the_prefixes_are_those_of_the_sleap_clients() -> None:
    assert PROGRESS_REPORT == "PROGRESS_REPORT::"
    assert set(CONTROL_PREFIXES) == {"ZMQ_CTRL::", "CONTROL_COMMAND::"}


@pytest.mark.parametrize("prefix", ["ZMQ_CTRL::", "CONTROL_COMMAND::"])
@pytest.mark.parametrize("command", COMMANDS)
def test_what_follows_a_control_prefix_is_the_command_unchanged(prefix: str, command: str) -> None:
    assert parse_client_text(prefix + command) == ControlText(command=command)


@pytest.mark.parametrize("prefix", ["ZMQ_CTRL::", "CONTROL_COMMAND::"])
@pytest.mark.parametrize("before", [" ", "x", "\n", "\ufeff", "::", "JOB::"])
def test_a_control_prefix_counts_only_at_the_start(prefix: str, before: str) -> None:
    text = before + prefix + "STOP"
    assert parse_client_text(text) == OtherText(text=text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "KEEP_ALIVE", "JOB_CANCEL", "ZMQ_CTRL", "ZMQ_CTRL:STOP", "zmq_ctrl::STOP", "STOP"),
        *("::", "CONTROL_COMMAND", "PROGRESS_REPORT::{}", "{}"),
    ],
)
def test_any_other_text_is_passed_whole(text: str) -> None:
    assert parse_client_text(text) == OtherText(text=text)


@pytest.mark.parametrize("message", ['{"event": "batch_end", "loss": NaN}', "", "::", "a::b", "é"])
def test_a_report_is_its_prefix_and_the_message_unchanged(message: str) -> None:
    text = encode_report(message)
    assert text == "PROGRESS_REPORT::" + message
    assert decode_report(text) == message


def test_only_one_report_prefix_is_taken_off() -> None:
    assert decode_report("PROGRESS_REPORT::PROGRESS_REPORT::x") == "PROGRESS_REPORT::x"


@pytest.mark.parametrize("text", ["", "KEEP_ALIVE", " PROGRESS_REPORT::{}", "PROGRESS_REPORT:{}"])
def test_other_text_carries_no_report(text: str) -> None:
    assert decode_report(text) is None


@pytest.mark.parametrize("command", COMMANDS)
def test_a_control_text_is_spelled_as_the_current_client_does_and_parses_back(command: str) -> None:
    assert parse_client_text("CONTROL_COMMAND::" + command) == ControlText(command=command)
