"""The embedded trainer, as a process: to a worker it looks like sleap-nn."""

import json
import socket
from collections.abc import Iterator

import pytest

from actors.worker.trainer.embedded import BATCHES, LEARNING_RATE, Network
from tests.support.embedded_run import EmbeddedRun
from tests.support.recorded_runs import RECORDINGS, recorded_run

STOPS = [b'{"command": "stop"}', b"STOP"]


@pytest.fixture
def run() -> Iterator[EmbeddedRun]:
    """Sockets as a worker has them, and the trainer that connects to them."""
    run = EmbeddedRun()
    yield run
    run.close()


def events_of(batches: list[int]) -> list[tuple[str, int | None, int | None]]:
    """The name, epoch and batch of each event of a run with these numbers of batches."""
    events: list[tuple[str, int | None, int | None]] = [("train_begin", None, None)]
    for epoch, count in enumerate(batches):
        events.append(("epoch_begin", epoch, None))
        for batch in range(count):
            events += [("batch_start", None, batch), ("batch_end", epoch, batch)]
        events.append(("epoch_end", epoch, None))
    return [*events, ("train_end", None, None)]


def told(messages: list[dict]) -> list[tuple[str, int | None, int | None]]:
    return [(one["event"], one.get("epoch"), one.get("batch")) for one in messages]


def keys_of(messages: list[dict]) -> dict[str, set[tuple[str, ...]]]:
    """The sets of keys that the messages of each event have."""
    keys: dict[str, set[tuple[str, ...]]] = {}
    for message in messages:
        keys.setdefault(message["event"], set()).add(tuple(sorted(message)))
    return keys


def recorded(name: str) -> list[dict]:
    return [json.loads(message) for message in recorded_run(name)]


def test_the_order_of_events_is_that_of_the_recorded_runs(run):
    assert told(recorded("sleap_nn_full_run")) == events_of([40] * 10)
    assert told(recorded("sleap_nn_stopped_run")) == events_of([40, 21])
    run.start("--epochs", "3")
    assert told(run.to_its_end()) == events_of([BATCHES] * 3)


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_keys_of_each_event_are_those_of_the_recorded_runs(run, name):
    run.start("--epochs", "2")
    assert keys_of(run.to_its_end()) == keys_of(recorded(name))


def test_every_message_is_of_the_same_session_as_the_recorded_ones(run):
    run.start("--epochs", "1")
    assert {message["what"] for message in run.to_its_end()} == {""}
    assert {message["what"] for message in recorded("sleap_nn_full_run")} == {""}


def test_the_logs_have_what_those_of_the_recorded_runs_have_of_it(run):
    run.start("--epochs", "2")
    own, real = run.to_its_end(), recorded("sleap_nn_full_run")
    for messages in (own, real):
        first = next(one for one in messages if one["event"] == "batch_end")
        assert set(first["logs"]) == {"loss"}
        later = [one for one in messages if one["event"] == "batch_end" and one["epoch"] == 1]
        assert {one["logs"]["epoch"] for one in later} == {0.0}, "it is the former epoch's"
        assert {"train/loss", "val/loss", "train/lr", "train/time"} <= set(later[0]["logs"])
    known = {key for one in real for key in one["logs"] or {}}
    assert {key for one in own for key in one["logs"] or {}} <= known
    for event in ("train_begin", "epoch_begin", "batch_start", "train_end"):
        assert [one["logs"] for one in own + real if one["event"] == event and one["logs"]] == []


def test_the_loss_falls_in_training_and_in_validation(run):
    run.start("--epochs", "6")
    ends = [one["logs"] for one in run.to_its_end() if one["event"] == "epoch_end"]
    for key in ("train/loss", "val/loss"):
        assert ends[-1][key] < 0.75 * ends[0][key]


def test_a_step_follows_the_gradient_of_the_loss():
    network, moment, tip, little = Network(), 0.7, (0.4, -0.3), 1e-6
    parameters = [network.weights, network.biases, *network.outputs]
    gradient = []
    for values in parameters:
        for index in range(len(values)):
            before = network.loss(moment, tip)
            values[index] += little
            gradient.append((network.loss(moment, tip) - before) / little)
            values[index] -= little
    start = [value for values in parameters for value in values]
    loss = network.loss(moment, tip)
    assert network.learn(moment, tip) == pytest.approx(loss)
    moved = [value for values in parameters for value in values]
    steps = [after - before for before, after in zip(start, moved, strict=True)]
    assert steps == pytest.approx([-LEARNING_RATE * slope for slope in gradient], abs=1e-5)


@pytest.mark.parametrize("stop", STOPS)
def test_after_a_stop_it_still_tells_the_ends_of_the_epoch_and_of_the_training(run, stop):
    run.start("--epochs", "1000")
    begun = run.until("batch_end", epoch=1)
    run.command(stop)
    messages = begun + run.to_its_end()
    batches = [
        sum(one["event"] == "batch_end" and one["epoch"] == epoch for one in messages)
        for epoch in range(messages[-2]["epoch"] + 1)
    ]
    assert told(messages) == events_of(batches)
    assert len(batches) < 1000
    assert "stopped early" in run.output


RUBBISH = [
    b"stop",
    b"",
    b" ",
    b"{",
    b"null",
    b"7",
    b"[]",
    b'["stop"]',
    b'"STOP"',
    b"{}",
    b'{"command": null}',
    b'{"command": ["stop"]}',
    b'{"command": "cancel"}',
    b'{"command": "set_lr", "lr": 0.1}',
    b'{"Command": "stop"}',
    "→".encode(),
]


def test_rubbish_on_the_control_socket_is_ignored(run):
    run.start("--epochs", "1000")
    begun = run.until("batch_end", epoch=0)
    for rubbish in RUBBISH:
        run.command(rubbish)
    # It reads one command after each batch.
    last = len(RUBBISH) // BATCHES + 2
    run.until("epoch_begin", epoch=last)
    run.command(STOPS[0])
    assert run.to_its_end()[-1]["event"] == "train_end"
    assert begun[0]["event"] == "train_begin"


@pytest.mark.parametrize(
    "frames",
    [(b"\xff\xfe",), (b"[" * 5000,), (b"one", b"two"), (b"1" * 5000,)],
    ids=["not-utf-8", "deep", "two-frames", "large-number"],
)
def test_rubbish_that_cannot_be_decoded_is_ignored_too(run, frames):
    run.start("--epochs", "1000")
    run.until("batch_end", epoch=0)
    run.command(*frames)
    run.until("epoch_begin", epoch=2)
    run.command(STOPS[0])
    assert run.to_its_end()[-1]["event"] == "train_end"


def test_without_ports_it_trains_and_ends_with_0(run):
    run.start_alone("--epochs", "2")
    assert run.exit_code() == 0
    assert [line.split(":")[0] for line in run.output.splitlines()] == ["epoch 1", "epoch 2"]


@pytest.mark.parametrize("option", ["--control-port", "--progress-port"])
def test_with_one_port_alone_it_trains_and_ends_with_0(run, option):
    run.start_alone("--epochs", "1", option, "1")
    assert run.exit_code() == 0
    assert "epoch 1: train loss" in run.output


def test_with_nobody_at_its_ports_it_says_so_and_trains(run):
    with socket.socket() as control, socket.socket() as progress:
        for nobody in (control, progress):
            nobody.bind(("127.0.0.1", 0))  # it does not listen
        run.start_alone(
            "--epochs=1",
            f"--control-port={control.getsockname()[1]}",
            f"--progress-port={progress.getsockname()[1]}",
            join_timeout=300,
        )
        assert run.exit_code() == 0
    assert "no worker listens" in run.output
    assert "epoch 1: train loss" in run.output
