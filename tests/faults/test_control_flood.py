"""A client that sends thousands of commands at once."""

import json

import pytest

from actors.worker.actor import TOO_MANY
from actors.worker.order_budget import BURST
from tests.support.changed_worker import unchecked
from tests.support.page_client import WEBRTC, WEBSOCKET, PageClient
from tests.support.processes import memory_of
from tests.support.running_worker import PAGE, PROMPT, RunningWorker
from tests.support.texts import reports
from tests.support.trainer_process import trainer

VERBATIM = ("--control-encoding", "verbatim")

COMMAND = 'CONTROL_COMMAND::{"command": "noop", "number": {}}'

ROOM = 60_000_000
"""Bytes: of the worker's growth, for all that it has to say."""


@pytest.mark.parametrize(("transport", "commands"), [(WEBSOCKET, 10_000), (WEBRTC, 1_000)])
def test_a_flood_of_commands_is_cut_off_with_a_word_and_costs_nobody_else_anything(
    transport, commands, tmp_path
):
    heard = tmp_path / "heard"
    steps = trainer("send:100", f"hear:{heard}", "leave", "exit:3")
    with RunningWorker(*VERBATIM, *PAGE, "--", *steps, program=unchecked(PROMPT)) as worker:
        with (
            PageClient(worker.link(), "the-flood", transport) as client,
            PageClient(worker.link(), "another-one") as other,
        ):
            client.wait_for_reports(100)
            before = memory_of(worker.pid)
            client.send(COMMAND, commands)
            client.wait_for_event("control", step="refused", text=TOO_MANY)
            other.send("CONTROL_COMMAND::of another one")
            other.wait_for_event("control", command="of another one", step="sent")
            assert memory_of(worker.pid) - before < ROOM
            assert worker.ends() == 3, worker.output
            sent = answered(client, "sent")
            assert sent[: BURST - 1] == list(range(BURST - 1))
            assert sent == sorted(sent)
            published = len(sent) + 1
            assert client.reports == other.reports == reports(100 + published)
        assert worker.leaves_nothing()
    assert int(heard.read_text()) == published
    assert worker.count("received from the trainer") == 100 + published


def answered(client: PageClient, step: str) -> list[int]:
    answers = [e for e in client.events if e.get("step") == step and "number" in e["command"]]
    return [json.loads(answer["command"])["number"] for answer in answers]
