"""Which trainer it is cannot be seen, behind a script or when it is adopted: stop is understood."""

import shlex
import subprocess

import pytest

from tests.support.addresses import fixed_addresses, port_of
from tests.support.page_client import PageClient
from tests.support.running_worker import PAGE, RunningWorker, at
from tests.support.trainer_process import trainer
from tests.support.waiting import PATIENCE

ORDERS = ["JOB_STOP", "ZMQ_CTRL::STOP", 'CONTROL_COMMAND::{"command": "stop"}']


@pytest.mark.parametrize("order", ORDERS)
def test_a_stop_is_published_as_a_sleap_trainer_understands_it_behind_a_script(order, tmp_path):
    heard, script = tmp_path / "heard", tmp_path / "train.sh"
    steps = trainer("send:1", f"write:{heard}", "leave", "exit:0")
    script.write_text(shlex.join(steps).replace("'{control_port}' '{progress_port}'", '"$1" "$2"'))
    command = ("bash", str(script), "{control_port}", "{progress_port}")
    with RunningWorker(*PAGE, "--", *command) as worker:
        with PageClient(worker.link(), "a-client") as client:
            client.wait_for_reports(1)
            client.send(order)
            assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()
    assert heard.read_text() == '{"command": "stop"}'


@pytest.mark.parametrize("order", ORDERS)
def test_a_stop_is_published_as_a_sleap_trainer_understands_it_to_an_adopted_one(order, tmp_path):
    heard = tmp_path / "heard"
    control, progress = fixed_addresses(2)
    steps = trainer("send:1", f"write:{heard}", "leave", "exit:0")
    ports = {"{control_port}": port_of(control), "{progress_port}": port_of(progress)}
    with RunningWorker("--adopt", *PAGE, ports=at(control, progress)) as worker:
        adopted = subprocess.Popen([str(ports.get(step, step)) for step in steps])
        with PageClient(worker.link(), "a-client") as client:
            client.wait_for_reports(1)
            client.send(order)
            assert adopted.wait(PATIENCE) == 0
    assert heard.read_text() == '{"command": "stop"}'


def test_what_is_no_order_of_a_sleap_trainer_is_refused_with_the_reason(gate):
    steps = trainer("send:1", f"read:{gate.path}", "leave", "exit:0")
    with RunningWorker(*PAGE, "--", *steps) as worker:
        with PageClient(worker.link(), "a-client") as client:
            client.wait_for_reports(1)
            client.send('CONTROL_COMMAND::{"command": "set_lr", "lr": null}')
            refusal = client.wait_for_event("control", step="refused")
            assert "set_lr has lr, a number" in refusal["text"]
            gate.open()
            assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()


def test_the_text_as_it_came_is_published_when_that_is_asked_for(tmp_path):
    heard = tmp_path / "heard"
    steps = trainer("send:1", f"write:{heard}", "leave", "exit:0")
    with RunningWorker("--control-encoding", "verbatim", *PAGE, "--", *steps) as worker:
        with PageClient(worker.link(), "a-client") as client:
            client.wait_for_reports(1)
            client.send("ZMQ_CTRL::STOP")
            assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()
    assert heard.read_text() == "STOP"


def test_the_trainer_is_not_given_the_tokens(tmp_path):
    found = tmp_path / "environment"
    tokens = {
        "SLEAP_PROGRESS_TOKEN": "a-token-of-one-kind",
        "SLEAP_PROGRESS_READ_ONLY_TOKEN": "a-token-of-another-kind",
    }
    with RunningWorker(*PAGE, "--", "sh", "-c", f"env > {found}", variables=tokens) as worker:
        assert "a-token-of-one-kind" in worker.link()
        assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()
    assert "RUNNING_WORKER" in found.read_text()
    assert "a-token-of" not in found.read_text()
