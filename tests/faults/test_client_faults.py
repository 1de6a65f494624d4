"""A client that is killed, or whose machine is away without a goodbye."""

import pytest

from tests.support.changed_worker import changed, unchecked
from tests.support.client_process import ClientProcess
from tests.support.page_client import TRANSPORTS, PageClient
from tests.support.processes import memory_of
from tests.support.running_worker import PAGE, PROGRAM, RunningWorker
from tests.support.texts import reports
from tests.support.trainer_process import large_report, trainer

IMPATIENT = unchecked(changed(impatient=1.0))
"""What nobody acknowledges any more is waited for until then."""

LARGE = 1_000
"""Reports of 20 KB: more than the system's buffers take for a client that is away."""

ROOM = 10_000_000
"""Bytes by which the worker may grow: half of what is sent."""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_client_that_is_killed_is_not_noticed_by_the_others(transport, tmp_path, gate):
    steps = trainer("send:500", f"read:{gate.path}", "send:2000", "leave", "exit:5")
    with RunningWorker(*PAGE, "--", *steps, program=IMPATIENT) as worker:
        link = worker.link()
        with (
            PageClient(link, "the-other") as other,
            ClientProcess(link, "a-client", tmp_path / "came", transport) as client,
        ):
            assert client.wait_for(lambda came: len(came) >= 500) == reports(500)
            client.kill()
            gate.open()
            assert other.wait_for_reports(2_500) == reports(2_500)
            assert worker.ends() == 5, worker.output
        assert worker.leaves_nothing()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_client_whose_machine_is_away_holds_up_nobody_and_the_worker_ends(
    transport, tmp_path, new_gate
):
    away_in_a_run(transport, tmp_path, new_gate, IMPATIENT)


@pytest.mark.nightly
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_client_whose_machine_is_away_holds_up_nobody_with_the_waits_as_they_are(
    transport, tmp_path, new_gate
):
    away_in_a_run(transport, tmp_path, new_gate, PROGRAM)


def away_in_a_run(transport, tmp_path, new_gate, program):
    gate, end = new_gate(), new_gate()
    later = (f"read:{gate.path}", f"send-large:{LARGE}", f"read:{end.path}", "leave", "exit:5")
    with RunningWorker(*PAGE, "--", *trainer("send:500", *later), program=program) as worker:
        link = worker.link()
        with (
            PageClient(link, "the-other") as other,
            ClientProcess(link, "a-client", tmp_path / "came", transport) as client,
        ):
            client.wait_for(lambda came: len(came) >= 500)
            before = memory_of(worker.pid)
            client.stop()
            gate.open()
            larges = [large_report(500 + number) for number in range(LARGE)]
            assert other.wait_for_reports(500 + LARGE) == [*reports(500), *larges]
            assert memory_of(worker.pid) - before < ROOM
            end.open()
            assert worker.ends() == 5, worker.output
        assert worker.leaves_nothing()
