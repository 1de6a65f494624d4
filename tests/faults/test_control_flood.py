"""A client that sends thousands of commands at once."""

import json

import pytest

from tests.faults.memory import memory_of
from tests.faults.page_client import WEBRTC, WEBSOCKET, PageClient, link_of
from tests.faults.trainer import trainer
from tests.support.reporting import reports
from tests.worker.running_worker import RunningWorker

PAGE = ("--port", "0")

COMMAND = 'CONTROL_COMMAND::{"command": "noop", "number": {}}'

ROOM = 60_000_000
"""Bytes: of the worker's growth, for all that it has to say."""


@pytest.mark.parametrize(("transport", "commands"), [(WEBSOCKET, 10_000), (WEBRTC, 1_000)])
def test_each_command_of_a_flood_is_answered_and_the_reports_go_on(transport, commands, tmp_path):
    heard = tmp_path / "heard"
    steps = trainer("send:100", f"hear:{heard}", "leave", "exit:3")
    with RunningWorker(*PAGE, "--", *steps) as worker:
        with PageClient(link_of(worker), "a-client", transport) as client:
            client.wait_for_reports(100)
            client.send(COMMAND)
            client.wait_for_event("control", step="sent")  # the trainer is ready for more
            before = memory_of(worker.pid)
            client.send(COMMAND, commands)
            client.wait_for(lambda: client.counts["control"] >= commands)
            assert memory_of(worker.pid) - before < ROOM
            assert worker.ends() == 3, worker.output
            assert answered(client, "sent") == [0, *range(commands)]
            assert answered(client, "refused") == []
            assert client.reports == reports(worker.count("received from the trainer"))
        assert worker.leaves_nothing()
    assert worker.count("received from the trainer") == 100 + int(heard.read_text())
    assert 0 < int(heard.read_text()) <= commands + 1


def answered(client: PageClient, step: str) -> list[int]:
    answers = [event for event in client.events if event.get("step") == step]
    return [json.loads(answer["command"])["number"] for answer in answers]
