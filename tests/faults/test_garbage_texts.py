"""Random and huge texts over a client's channel, and raw bytes at the two ZeroMQ ports."""

import random

import pytest

from actors.worker.actor import TOO_MANY
from tests.support.addresses import fixed_addresses, port_of
from tests.support.garbage import broken, broken_texts, throw_at
from tests.support.page_client import TRANSPORTS, PageClient
from tests.support.running_worker import PAGE, RunningWorker, at
from tests.support.texts import reports
from tests.support.trainer_process import trainer

VERBATIM = ("--control-encoding", "verbatim")

SAMPLES = (
    'CONTROL_COMMAND::{"command": "noop", "lr": 0.1}',
    "ZMQ_CTRL::noop",
    "KEEP_ALIVE",
    'PROGRESS_REPORT::{"what": "__meta__", "event": "state", "state": "ended", "text": "over"}',
)


def texts_of_no_order() -> list[str]:
    """Broken texts of which none happens to ask for a stop or a cancellation."""
    chance = random.Random(9)
    found = [text for number, s in enumerate(SAMPLES) for text in broken_texts(s, 100, number)]
    found += [chance.randbytes(200).decode(errors="replace") for _ in range(50)]
    found += [prefix + "x" * 60_000 for prefix in ("", "CONTROL_COMMAND::", "ZMQ_CTRL::{")]
    found += ["CONTROL_COMMAND::" + "[" * 30_000, "CONTROL_COMMAND::" + "9" * 30_000]
    return found


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_texts_that_are_no_orders_stop_nothing(transport, new_gate):
    gate, texts = new_gate(), texts_of_no_order()
    steps = trainer("send:300", f"read:{gate.path}", "send:300", "leave", "exit:3")
    with RunningWorker(*VERBATIM, *PAGE, "--", *steps) as worker:
        with (
            PageClient(worker.link(), "a-client", transport) as client,
            PageClient(worker.link(), "another-one") as other,
        ):
            client.wait_for_reports(300)
            for text in texts:
                client.send(text)
            client.wait_for_event("control", step="refused", text=TOO_MANY)
            other.send("CONTROL_COMMAND::the last one")
            client.wait_for_event("control", command="the last one", step="sent")
            gate.open()
            assert worker.ends() == 3, worker.output
            assert client.reports == reports(600)
            states = client.states
        assert worker.leaves_nothing()
    assert states == ["starting", "starting", "waiting", "training", "ended"]
    assert "Unhandled exception" not in worker.output


@pytest.mark.parametrize("port", ["control", "progress"])
def test_raw_bytes_at_a_zmq_port_are_shaken_off_and_the_run_goes_on(port, new_gate):
    gate, chance = new_gate(), random.Random(10)
    addresses = dict(zip(("control", "progress"), fixed_addresses(2), strict=True))
    ports = at(addresses["control"], addresses["progress"])
    target = port_of(addresses[port])
    steps = trainer("send:300", f"read:{gate.path}", "send:300", "leave", "exit:3")
    with RunningWorker(*VERBATIM, *PAGE, "--", *steps, ports=ports) as worker:
        with PageClient(worker.link(), "a-client") as client:
            client.wait_for_reports(300)
            for _ in range(60):
                throw_at(target, *chance.choice(ZMTP)(chance))
            client.send("CONTROL_COMMAND::still there")
            client.wait_for_event("control", command="still there", step="sent")
            gate.open()
            assert worker.ends() == 3, worker.output
            assert client.reports == reports(600)
        assert worker.leaves_nothing()
    # Bytes that come near enough to ZeroMQ's are messages, and no texts.
    assert worker.count("received from the trainer") - worker.count("undecodable") == 600


GREETING = b"\xff" + b"\0" * 8 + b"\x7f\x03\0NULL" + b"\0" * 16 + b"\0" + b"\0" * 31
READY = b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x03"

ZMTP = (
    lambda chance: [chance.randbytes(chance.randrange(1, 5_000))],
    lambda chance: [broken(GREETING, chance)],
    lambda chance: [GREETING, chance.randbytes(500)],
    lambda chance: [GREETING, broken(READY + b"DEA", chance)],
    lambda chance: [GREETING, READY + b"SUB", b"\x02" + b"\xff" * 8, chance.randbytes(9)],
    lambda chance: [GREETING[:20]],
    lambda chance: [b"GET / HTTP/1.1\r\n\r\n"],
)
"""What comes to a port that anybody can connect to, by and by more like ZeroMQ."""
