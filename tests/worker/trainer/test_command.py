"""The trainer's command line: which trainer it is, and how it is told its ports."""

import pytest

from actors.worker.trainer import (
    has_placeholders,
    is_sleap_nn,
    is_sleap_train,
    with_ports,
)
from actors.zmq_sockets import port_of

NN_CONTROL = "++trainer_config.zmq.controller_port=5000"
NN_PROGRESS = "++trainer_config.zmq.publish_port=5001"


def filled(*command: str) -> tuple[str, ...]:
    return with_ports(command, control_port=5000, progress_port=5001)


def test_placeholders_are_filled_in_wherever_they_stand():
    assert filled("my-trainer", "--to={control_port}", "{progress_port},{control_port}") == (
        "my-trainer",
        "--to=5000",
        "5001,5000",
    )


def test_other_braces_stay_as_they_are():
    command = ("my-trainer", "{port}", "{}", "${HOME}", '{"command": 1}')
    assert filled(*command) == command


def test_an_unknown_trainer_gets_no_options():
    assert filled("python", "train.py", "--epochs", "3") == ("python", "train.py", "--epochs", "3")


@pytest.mark.parametrize(
    "start",
    [
        ("sleap-nn", "train"),
        ("/opt/venv/bin/sleap-nn", "train"),
        ("sleap-nn.exe", "train"),
        ("srun", "--gres=gpu:1", "sleap-nn", "train"),
        ("uv", "run", "sleap-nn", "train"),
    ],
)
def test_sleap_nn_train_gets_both_port_options_at_its_end(start):
    assert filled(*start, "config.yaml") == (*start, "config.yaml", NN_CONTROL, NN_PROGRESS)


@pytest.mark.parametrize("prefix", ["", "+", "++"])
def test_sleap_nn_keeps_a_controller_port_that_the_command_sets(prefix):
    own = f"{prefix}trainer_config.zmq.controller_port=7000"
    assert filled("sleap-nn", "train", own) == ("sleap-nn", "train", own, NN_PROGRESS)


@pytest.mark.parametrize("prefix", ["", "+", "++"])
def test_sleap_nn_keeps_a_publish_port_that_the_command_sets(prefix):
    own = f"{prefix}trainer_config.zmq.publish_port=7000"
    assert filled("sleap-nn", "train", own) == ("sleap-nn", "train", own, NN_CONTROL)


def test_sleap_nn_with_both_ports_as_placeholders_gets_nothing_appended():
    assert filled(
        "sleap-nn",
        "train",
        "trainer_config.zmq.controller_port={control_port}",
        "trainer_config.zmq.publish_port={progress_port}",
    ) == (
        "sleap-nn",
        "train",
        "trainer_config.zmq.controller_port=5000",
        "trainer_config.zmq.publish_port=5001",
    )


def test_an_option_that_only_begins_like_a_port_option_does_not_count_as_one():
    command = ("sleap-nn", "train", "trainer_config.zmq.controller_port_retries=3")
    assert filled(*command) == (*command, NN_CONTROL, NN_PROGRESS)


@pytest.mark.parametrize(
    "command",
    [
        ("sleap-nn", "predict", "model"),
        ("sleap-nn", "--help"),
        ("sleap-nn",),
        ("sleap-nn-train", "train"),
        ("echo", "train", "sleap-nn"),
    ],
)
def test_other_uses_of_sleap_nn_get_no_options(command):
    assert not is_sleap_nn(command)
    assert filled(*command) == command


@pytest.mark.parametrize(
    "start", [("sleap-train",), ("/opt/sleap/bin/sleap-train",), ("srun", "sleap-train")]
)
def test_sleap_train_gets_zmq_and_both_ports(start):
    assert filled(*start, "p.json") == (
        *start,
        "p.json",
        "--zmq",
        "--controller_port",
        "5000",
        "--publish_port",
        "5001",
    )


@pytest.mark.parametrize("own", [("--controller_port", "7000"), ("--controller_port=7000",)])
def test_sleap_train_keeps_a_controller_port_that_the_command_sets(own):
    command = ("sleap-train", "--zmq", *own)
    assert filled(*command) == (*command, "--publish_port", "5001")


@pytest.mark.parametrize("own", [("--publish_port", "7000"), ("--publish_port=7000",)])
def test_sleap_train_keeps_a_publish_port_that_the_command_sets(own):
    command = ("sleap-train", "--zmq", *own)
    assert filled(*command) == (*command, "--controller_port", "5000")


@pytest.mark.parametrize("argument", ["sleap-train.json", "runs/sleap-train.log"])
def test_a_file_that_is_named_after_sleap_train_does_not_make_the_command_one(argument):
    command = ("my-trainer", "--config", argument)
    assert not is_sleap_train(command)
    assert filled(*command) == command


@pytest.mark.parametrize(
    ("address", "port"),
    [("tcp://127.0.0.1:9000", 9000), ("tcp://[::1]:65535", 65535), ("tcp://0.0.0.0:1", 1)],
)
def test_the_port_of_a_tcp_address_is_known(address, port):
    assert port_of(address) == port


@pytest.mark.parametrize(
    "address",
    ["ipc:///tmp/x:1", "inproc://a", "tcp://127.0.0.1", "tcp://127.0.0.1:*", "", "127.0.0.1:9000"],
)
def test_an_address_without_a_port_is_refused_by_name(address):
    with pytest.raises(ValueError, match="use tcp://") as refusal:
        port_of(address)
    assert str(refusal.value).startswith(address)


@pytest.mark.parametrize(
    ("command", "asks"),
    [
        (("a", "{control_port}"), True),
        (("a", "--x={progress_port}"), True),
        (("a", "{port}", "control_port"), False),
        ((), False),
    ],
)
def test_a_command_that_asks_for_ports_is_recognised(command, asks):
    assert has_placeholders(command) is asks
