"""The complete worker as a process."""

import os
import signal
import stat
import sys

import pytest
import zmq

from tests.support.addresses import fixed_addresses, occupied
from tests.support.processes import ends
from tests.support.running_worker import PROGRAM, TABLES, RunningWorker, at

STUBBORN = "import signal, time; print('stubborn', flush=True); time.sleep(1000)"


def test_without_arguments_it_is_the_complete_chain_and_ends_by_itself():
    with RunningWorker(*TABLES, "--epochs", "3", program=PROGRAM) as worker:
        pid = worker.training()
        assert worker.ends() == 0, worker.output
        assert ends(pid)
    counted = {
        row: worker.count(row)
        for row in ("from the trainer", "forwarded", "failed", "undecodable", "by the client")
    }
    assert counted == {
        "from the trainer": 128,
        "forwarded": 128,
        "failed": 0,
        "undecodable": 0,
        "by the client": 128,
    }
    events = ("train_begin", "epoch_begin", "batch_start", "batch_end", "epoch_end", "train_end")
    assert [worker.count(event) for event in events] == [1, 3, 60, 60, 3, 1]
    assert "epoch 3/3: 20 batches  loss 0." in worker.output


def test_the_ports_are_filled_into_a_command_and_its_exit_code_is_the_workers():
    script = "import sys; print('ports', *map(int, sys.argv[1:])); sys.exit(7)"
    with RunningWorker(
        "--", sys.executable, "-c", script, "{control_port}", "{progress_port}"
    ) as worker:
        listening = worker.wait_for("listening on")
        assert worker.ends() == 7
        control, progress = worker.wait_for("ports ").split()[1:]
    assert f":{progress}, control" in listening
    assert listening.strip().endswith(f":{control}")


def test_sleap_nn_is_told_its_ports_without_being_asked_to(tmp_path):
    program = tmp_path / "sleap-nn"
    program.write_text('#!/bin/sh\necho "arguments $@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with RunningWorker(
        "--no-page", "--", "sleap-nn", "train", "config.yaml", path=str(tmp_path)
    ) as worker:
        assert worker.ends() == 0
        arguments = worker.wait_for("arguments").split()[1:]
    assert arguments[:2] == ["train", "config.yaml"]
    keys = [argument.split("=")[0] for argument in arguments[2:]]
    assert keys == [
        "++trainer_config.zmq.controller_port",
        "++trainer_config.zmq.publish_port",
    ]


def test_without_gui_the_trainers_output_is_stdout_and_nothing_is_reported():
    script = "import sys; sys.stdout.write('one\\ntwo [bold]\\r'); sys.exit(3)"
    with RunningWorker("--no-gui", "--", sys.executable, "-c", script) as worker:
        assert worker.ends() == 3
    assert "one\ntwo [bold]" in worker.output
    assert "listening on" not in worker.output
    assert "Reports" not in worker.output


def test_ctrl_c_asks_the_trainer_to_stop_and_waits_for_its_end():
    with RunningWorker("--no-page", "--epochs", "1000") as worker:
        pid = worker.training()
        worker.wait_for("epoch 1/1000")
        worker.interrupt()
        assert worker.ends() == 0, worker.output
        assert ends(pid)
    assert 'received control message: {"command": "stop"}' in worker.output
    assert worker.count("train_end") == 1
    assert worker.count("from the trainer") == worker.count("by the client")


def test_a_second_ctrl_c_ends_a_trainer_that_does_not_stop():
    with RunningWorker("--no-page", "--", sys.executable, "-c", STUBBORN) as worker:
        pid = worker.training()
        worker.wait_for("stubborn")
        worker.interrupt()
        worker.wait_for("not ready yet")
        worker.interrupt()
        assert worker.ends() == 128 + signal.SIGTERM
        assert ends(pid)


def test_a_terminated_worker_leaves_no_trainer_behind():
    with RunningWorker("--no-page", "--", sys.executable, "-c", STUBBORN) as worker:
        pid = worker.training()
        worker.wait_for("stubborn")
        worker.interrupt(signal.SIGTERM)
        assert worker.ends() == 128 + signal.SIGTERM
        assert ends(pid)


def test_an_address_in_use_is_named_and_no_training_is_started():
    with zmq.Context() as context, context.socket(zmq.PUB) as taken:
        taken.bind("tcp://127.0.0.1:*")
        address = taken.get(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
        ports = at(progress=address)
        with RunningWorker(ports=ports) as worker:
            assert worker.ends() == 2
    assert f"the progress socket cannot be bound to {address}" in worker.output
    assert "in use" in worker.output
    assert "  --any-port takes a free port in its place" in worker.output
    assert "training started" not in worker.output


def test_two_workers_train_at_once_on_the_same_addresses():
    addresses = fixed_addresses(2)
    ports = (*at(*addresses), "--any-port")
    with (
        RunningWorker("--epochs", "2", ports=ports) as one,
        RunningWorker("--epochs", "2", ports=ports) as other,
    ):
        assert (one.ends(), other.ends()) == (0, 0), one.output + other.output
    for worker in (one, other):
        for row in ("received from the trainer", "received by the client"):
            assert worker.count(row) == 2 * 42 + 2, worker.output


def test_with_any_port_the_worker_says_whose_port_it_left_alone():
    control, progress = fixed_addresses(2)
    ports = (*at(control, progress), "--any-port")
    with occupied(progress), RunningWorker("--no-page", "--epochs", "1", ports=ports) as worker:
        assert worker.ends() == 0, worker.output
    assert f"warning: {progress} is in use by process {os.getpid()}" in worker.output
    assert f"control on {control}" in worker.output
    assert worker.count("received by the client") == 42 + 2


def test_a_command_that_is_not_there_is_named():
    with RunningWorker("--no-page", "--", "no-such-trainer") as worker:
        assert worker.ends() == 2
    assert "no-such-trainer cannot be started" in worker.output
    assert "is the environment activated?" in worker.output


def test_a_wrong_option_is_answered_in_words():
    with RunningWorker("--nonsense") as worker:
        assert worker.ends() == 2
    assert "there is no option --nonsense" in worker.output


@pytest.mark.parametrize(("option", "says"), [("--help", "Ctrl-C"), ("--version", "0.2.0")])
def test_help_and_version(option, says):
    with RunningWorker(option) as worker:
        assert worker.ends() == 0
    assert says in worker.output
