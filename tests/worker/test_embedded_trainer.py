"""The embedded trainer, as a process against real sockets."""

import json
import subprocess
import sys

import pytest
import zmq

from actors import embedded_trainer
from tests.support.probe import PATIENCE
from tests.support.recorded_runs import recorded_run


class Trained:
    """Binds both sockets, runs the trainer and takes what it sends."""

    def __init__(self, epochs, *commands):
        self.reports = []
        with (
            zmq.Context() as context,
            context.socket(zmq.SUB) as progress,
            context.socket(zmq.PUB) as control,
        ):
            progress.subscribe("")
            ports = [
                socket.bind_to_random_port("tcp://127.0.0.1") for socket in (control, progress)
            ]
            command = [
                sys.executable,
                "-P",
                embedded_trainer.__file__,
                *("--epochs", str(epochs)),
                *("--control-port", str(ports[0]), "--progress-port", str(ports[1])),
            ]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                self._take(progress, control, list(commands))
                self.output = process.communicate(timeout=PATIENCE)[0]
                self.returncode = process.returncode

    def _take(self, progress, control, commands):
        while not self.reports or self.reports[-1]["event"] != "train_end":
            assert progress.poll(PATIENCE * 1000), "no report came"
            self.reports.append(json.loads(progress.recv_string()))
            if commands and self.reports[-1]["event"] == "batch_end":
                control.send_string(commands.pop(0))

    def events(self):
        return [report["event"] for report in self.reports]


def keys_by_event(reports):
    keys = {}
    for report in reports:
        keys.setdefault(report["event"], set()).update(report)
    return keys


def test_it_sends_the_same_events_and_keys_as_sleap_nn():
    trained = Trained(2)
    recorded = [json.loads(text) for text in recorded_run("sleap_nn_full_run")]
    assert keys_by_event(trained.reports) == keys_by_event(recorded)
    epoch = ["epoch_begin", *["batch_start", "batch_end"] * embedded_trainer.BATCHES, "epoch_end"]
    assert trained.events() == ["train_begin", *epoch, *epoch, "train_end"]
    assert trained.returncode == 0


def test_it_really_learns():
    ends = [r for r in Trained(4).reports if r["event"] == "epoch_end"]
    assert ends[-1]["logs"]["val/loss"] < 0.7 * ends[0]["logs"]["val/loss"]


@pytest.mark.parametrize("command", ['{"command": "stop"}', "STOP"])
def test_it_stops_after_the_batch_and_still_ends_its_epoch(command):
    trained = Trained(1000, "rubbish", "[1]", command)
    assert trained.events()[-2:] == ["epoch_end", "train_end"]
    assert trained.events().count("epoch_begin") == 1
    assert trained.returncode == 0
    assert "stopped early" in trained.output


def test_without_ports_it_trains_and_exits():
    run = subprocess.run(
        [sys.executable, embedded_trainer.__file__, "--epochs", "1"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert run.stdout.startswith("epoch 0: train loss")
