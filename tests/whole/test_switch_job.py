"""A pipeline's next job takes over the sockets."""

import pykka
import pytest

from actors import SupervisorActor
from messages import (
    ControlHeld,
    ControlPublished,
    ControlRejected,
    DetachClient,
    JobOutcome,
    Phase,
    ReportingBypassed,
    ReportingDegraded,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    SendControl,
    StopReporting,
)
from tests.support.channel import FakeChannel
from tests.support.logs import errors
from tests.support.mailboxes import Gate
from tests.support.probe import Probe
from tests.support.reporting import (
    ask_start,
    ask_stop,
    attach_client,
    start,
    status,
    stop,
    tell_switch,
    trainer_for,
    wait_for_phase,
)
from tests.support.texts import forwarded, reports
from tests.support.trainer import StandInTrainer
from tests.support.waiting import settled


def test_the_first_job_is_delivered_whole_and_the_second_goes_on_with_the_same_sockets(supervisor):
    first, second = reports(500), reports(300, first=500)
    channel, answers = FakeChannel(), Probe()
    attach_client(supervisor, channel)
    ready = start(supervisor)
    with trainer_for(ready) as trainer:
        trainer.send(*first)
    tell_switch(supervisor, answers)

    answers.expect(
        ReportingStopped(
            job_id="job-1",
            outcome=JobOutcome.COMPLETED,
            summary=ReportingSummary(received=500, forwarded=500),
        )
    )
    assert channel.sent == forwarded(first)
    answers.expect(
        ReportingReady(
            job_id="job-2",
            control_address=ready.control_address,
            progress_address=ready.progress_address,
        )
    )
    with trainer_for(ready) as trainer:
        trainer.send(*second)
        channel.wait_for_count(800)
        counted = status(supervisor)
    assert (counted.job_id, counted.received, counted.phase) == ("job-2", 300, Phase.REPORTING)
    assert stop(supervisor, "job-2").summary == ReportingSummary(received=300, forwarded=300)
    assert channel.sent == forwarded(first + second)
    assert answers.drain() == []


def test_a_pipeline_of_ten_jobs_is_counted_job_by_job(supervisor):
    run = reports(100)
    channel, answers = FakeChannel(), Probe()
    attach_client(supervisor, channel)
    ready = start(supervisor, "job-0")
    for number in range(10):
        with trainer_for(ready) as trainer:
            trainer.send(*run[number * 10 : number * 10 + 10])
        tell_switch(supervisor, answers, f"job-{number}", f"job-{number + 1}")
        stopped = answers.get()
        assert stopped.job_id == f"job-{number}"
        assert stopped.summary == ReportingSummary(received=10, forwarded=10)
        assert answers.get().job_id == f"job-{number + 1}"
    assert stop(supervisor, "job-10").summary == ReportingSummary()
    assert channel.sent == forwarded(run)


def test_a_late_client_of_the_second_job_gets_that_job_alone(supervisor):
    channel, answers = FakeChannel(), Probe()
    ready = start(supervisor)
    with trainer_for(ready) as trainer:
        trainer.send(*reports(10))
    tell_switch(supervisor, answers)
    answers.wait_for(ReportingReady)
    second = reports(10, first=10)
    with trainer_for(ready) as trainer:
        trainer.send(*second)
        attach_client(supervisor, channel)
        channel.wait_for_count(10)
    stop(supervisor, "job-2")
    assert channel.sent == forwarded(second)


def test_a_held_command_is_rejected_by_the_switch(supervisor):
    answers, held = Probe(), Probe()
    ready = start(supervisor)
    supervisor.tell(SendControl(command="for the first", reply_to=held))
    held.expect(ControlHeld())
    tell_switch(supervisor, answers)
    assert isinstance(held.get(), ControlRejected)
    answers.wait_for(ReportingReady)
    with trainer_for(ready) as trainer:
        supervisor.tell(SendControl(command="for the second", reply_to=Probe()))
        assert trainer.command() == "for the second"
    stop(supervisor, "job-2")


def test_a_command_for_the_next_trainer_does_not_hit_the_former_one_that_lives_on(supervisor):
    answers, control = Probe(), Probe()
    ready = start(supervisor)
    with trainer_for(ready) as former:
        supervisor.tell(SendControl(command="for the former", reply_to=control))
        assert former.command() == "for the former"
        control.wait_for(ControlPublished)
        tell_switch(supervisor, answers)
        answers.wait_for(ReportingReady)
        supervisor.tell(SendControl(command="for the next", reply_to=control))
        control.expect(ControlHeld())
        status(supervisor)
        assert control.drain() == []
        assert not former.has_command()
    with trainer_for(ready) as successor:
        assert successor.command() == "for the next"
        control.expect(ControlPublished())
    stop(supervisor, "job-2")


@pytest.mark.parametrize("job_id", ["job-9", "job-2"])
def test_a_switch_of_an_unknown_job_is_refused_and_the_reported_one_goes_on(supervisor, job_id):
    answers = Probe()
    start(supervisor)
    tell_switch(supervisor, answers, job_id)
    failed = answers.get()
    assert isinstance(failed, ReportingFailed)
    assert failed.job_id == job_id
    assert status(supervisor).job_id == "job-1"
    stop(supervisor)


def test_a_switch_of_a_job_that_is_not_reported_any_more_is_refused(supervisor):
    answers = Probe()
    ask_start(supervisor, gui=True)
    stop(supervisor)
    tell_switch(supervisor, answers)
    assert isinstance(answers.get(), ReportingFailed)
    assert answers.drain() == []


def test_a_switch_of_a_job_without_gui_makes_the_next_one_a_job_without_gui(supervisor):
    answers = Probe()
    ask_start(supervisor, gui=False)
    tell_switch(supervisor, answers)
    assert isinstance(answers.get(), ReportingStopped)
    answers.expect(ReportingBypassed(job_id="job-2"))
    assert status(supervisor).phase is Phase.BYPASSED


@pytest.mark.parametrize("job_id", ["job-1", "job-2"])
def test_a_stop_during_the_switch_ends_both_jobs(supervisor, loop_thread, job_id):
    channel, switched, stopped = FakeChannel(buffering=True), Probe(), Probe()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("first", "second")
        channel.wait_for_count(2)
    tell_switch(supervisor, switched)
    wait_for_phase(supervisor, Phase.SWITCHING)
    supervisor.tell(StopReporting(job_id=job_id, outcome=JobOutcome.CANCELLED, reply_to=stopped))
    assert wait_for_phase(supervisor, Phase.STOPPING).job_id == "job-1"
    loop_thread.call(channel.drain)

    of_first = switched.get()
    assert of_first.job_id == "job-1"
    assert of_first.summary == ReportingSummary(received=2, forwarded=2)
    of_second = switched.get()
    assert isinstance(of_second, ReportingFailed)
    assert of_second.job_id == "job-2"
    answer = stopped.get()
    assert isinstance(answer, ReportingStopped)
    assert answer.job_id == job_id
    assert status(supervisor).phase is Phase.IDLE


def test_a_client_that_leaves_when_the_switch_becomes_a_stop_does_not_cut_the_receiving_short(
    supervisor, owner, caplog
):
    channel, switched, stopped = FakeChannel(buffering=True), Probe(), Probe()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:  # it stays: the listener waits for silence
        trainer.send("first")
        channel.wait_for_count(1)
        tell_switch(supervisor, switched)
        wait_for_phase(supervisor, Phase.SWITCHING)
        supervisor.tell(
            StopReporting(job_id="job-1", outcome=JobOutcome.CANCELLED, reply_to=stopped)
        )
        supervisor.tell(DetachClient(client_id="alice"))
        assert stopped.get().summary.received == 1
    assert not [m for m in owner.drain() if isinstance(m, ReportingDegraded)]
    assert errors(caplog) == []


def test_a_stop_that_overtakes_the_end_of_the_job_does_not_lose_its_counts(supervisor):
    first, second, answers, stopped = Gate(), Gate(), Probe(), Probe()
    [ref] = pykka.ActorRegistry.get_by_class(SupervisorActor)
    with StandInTrainer(progress_address=start(supervisor).progress_address) as trainer:
        trainer.send("one", "two")

    def park(gate):
        supervisor.tell(StopReporting(job_id="unknown", outcome=JobOutcome.FAILED, reply_to=gate))

    park(first)
    first.wait()
    tell_switch(supervisor, answers)
    park(second)
    supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.CANCELLED, reply_to=stopped))
    first.open()
    second.wait()
    # Behind the stop, the listener's word that it has ended the job comes into the inbox.
    assert settled(lambda: ref.actor_inbox.qsize() == 2)
    second.open()
    assert stopped.get().summary == ReportingSummary(received=2)
    assert answers.get().summary == ReportingSummary(received=2)


def test_a_stop_of_the_first_job_after_the_switch_gets_its_answer_again(supervisor):
    answers = Probe()
    start(supervisor)
    tell_switch(supervisor, answers)
    of_first = answers.get()
    answers.wait_for(ReportingReady)
    assert ask_stop(supervisor, "job-1") == of_first
    assert status(supervisor).job_id == "job-2"
    stop(supervisor, "job-2")
