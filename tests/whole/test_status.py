"""``GetStatus`` is answered in every phase, also while the event loop is stuck."""

from dataclasses import replace

from messages import (
    Addresses,
    ClientStatus,
    JobOutcome,
    Phase,
    ReporterStatus,
    StartReporting,
    StopReporting,
    TrainerConnected,
)
from tests.support.channel import FakeChannel
from tests.support.clock import ManualScheduler
from tests.support.event_loop import stuck
from tests.support.probe import Probe
from tests.support.reporting import (
    ask_start,
    attach_client,
    start,
    status,
    stop,
    trainer_for,
    wait_for_phase,
)

IDLE = ReporterStatus(
    phase=Phase.IDLE,
    job_id=None,
    addresses=None,
    trainer_connected=False,
    received=0,
    clients=(),
)


def test_an_idle_reporter_has_no_job_and_no_addresses(supervisor):
    assert status(supervisor) == IDLE


def test_a_bypassed_job_has_no_addresses(supervisor):
    ask_start(supervisor, gui=False)
    assert status(supervisor) == replace(IDLE, phase=Phase.BYPASSED, job_id="job-1")
    stop(supervisor)
    assert status(supervisor) == IDLE


def test_the_status_of_a_run_counts_its_reports_and_lists_its_clients(supervisor, owner):
    bob, alice = FakeChannel(), FakeChannel("connecting")
    attach_client(supervisor, bob, "bob")
    attach_client(supervisor, alice, "alice")
    ready = start(supervisor)
    with trainer_for(ready) as trainer:
        trainer.send("one", "two")
        trainer.send_bytes(b"\xff")
        trainer.send("three")
        bob.wait_for_count(3)
        owner.expect(TrainerConnected())
        found = status(supervisor)
    assert found == ReporterStatus(
        phase=Phase.REPORTING,
        job_id="job-1",
        addresses=Addresses(control=ready.control_address, progress=ready.progress_address),
        trainer_connected=True,
        received=4,
        undecodable=1,
        clients=(
            ClientStatus(
                client_id="alice",
                channel_state="connecting",
                position=0,
                forwarded=0,
                failed=0,
                missed=0,
            ),
            ClientStatus(
                client_id="bob", channel_state="open", position=3, forwarded=3, failed=0, missed=0
            ),
        ),
    )


def test_the_counts_of_a_client_are_the_jobs(supervisor):
    channel = FakeChannel()
    attach_client(supervisor, channel)
    forwarded = []
    for number, job in enumerate(("job-1", "job-2")):
        with trainer_for(start(supervisor, job)) as trainer:
            forwarded.append(status(supervisor).clients[0].forwarded)
            trainer.send("one", "two", "three")
            channel.wait_for_count(3 * number + 3)
        stop(supervisor, job)
        forwarded.append(status(supervisor).clients[0].forwarded)
    assert forwarded == [0, 3, 0, 3]


def test_reports_that_left_the_bounded_log_are_missed_and_not_silent(new_supervisor, caplog):
    supervisor = new_supervisor(log_limit=10)
    witness, late = FakeChannel(), FakeChannel()
    attach_client(supervisor, witness, "witness")
    with trainer_for(start(supervisor)) as trainer:
        for number in range(30):  # one by one, so that the witness misses none
            trainer.send(str(number))
            witness.wait_for_count(number + 1)
        attach_client(supervisor, late, "late")
        late.wait_for_count(10)
        rows = {row.client_id: row for row in status(supervisor).clients}
    stop(supervisor)
    assert rows["late"].forwarded + rows["late"].missed == 30
    assert rows["late"].missed == 20
    assert rows["late"].position == 30
    assert rows["witness"].missed == 0
    assert any("late" in message and "20" in message for message in caplog.messages)


def test_the_status_comes_while_the_event_loop_is_stuck(supervisor, loop_thread):
    ready = start(supervisor)
    with stuck(loop_thread):
        found = status(supervisor)
        assert (found.phase, found.job_id) == (Phase.REPORTING, "job-1")
        assert found.addresses.control == ready.control_address
        assert not found.is_complete
    assert status(supervisor).is_complete
    stop(supervisor)


def test_the_status_says_that_the_sockets_are_being_bound(supervisor, loop_thread):
    with stuck(loop_thread):
        supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=Probe()))
        found = wait_for_phase(supervisor, Phase.BINDING)
        assert (found.job_id, found.addresses) == ("job-1", None)
    stop(supervisor)


def test_the_status_says_that_the_connect_wait_runs(new_supervisor):
    supervisor = new_supervisor(scheduler=ManualScheduler(), connect_wait=1.0)
    supervisor.tell(StartReporting(job_id="job-1", gui=True, reply_to=Probe()))
    found = wait_for_phase(supervisor, Phase.CONNECTING)
    assert found.job_id == "job-1"
    assert found.addresses is not None
    stop(supervisor)


def test_the_status_says_that_the_clients_are_given_what_is_left(supervisor, loop_thread):
    channel, stopped = FakeChannel(buffering=True), Probe()
    attach_client(supervisor, channel)
    ready = start(supervisor)
    with trainer_for(ready) as trainer:
        trainer.send("one")
        channel.wait_for_count(1)
    supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=stopped))
    found = wait_for_phase(supervisor, Phase.STOPPING)
    assert (found.job_id, found.received) == ("job-1", 1)
    assert stopped.drain() == []
    loop_thread.call(channel.drain)
    assert stopped.get().summary.forwarded == 1
    assert status(supervisor).phase is Phase.IDLE
