"""What is still under way when the training has ended reaches the client before the answer."""

from messages import JobOutcome, Phase, ReportingSummary, StopReporting
from tests.support.channel import FakeChannel
from tests.support.event_loop import stuck
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, stop, trainer_for, wait_for_phase
from tests.support.texts import forwarded, reports
from tests.support.trainer import paced

TRAIN_END = '{"what": "", "event": "train_end", "logs": null}'


class Deliveries(Probe):
    """Remembers what the client had been sent when the answer came."""

    def __init__(self, channel):
        super().__init__()
        self._channel = channel
        self.sent_before = None

    def tell(self, message, /):
        self.sent_before = list(self._channel.sent)
        super().tell(message)


def test_a_trainer_that_exits_with_thousands_of_messages_unread_loses_none(supervisor, loop_thread):
    run = [*reports(5_000), TRAIN_END]
    channel = FakeChannel()
    answers = Deliveries(channel)
    attach_client(supervisor, channel)
    trainer = trainer_for(start(supervisor))
    with stuck(loop_thread):
        paced(run, trainer)
        trainer.close()
        supervisor.tell(
            StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=answers)
        )
        assert len(channel.sent) == 0
    stopped = answers.get()

    assert answers.sent_before == forwarded(run)
    assert stopped.summary == ReportingSummary(received=len(run), forwarded=len(run))


def test_train_end_is_sent_before_the_stop_is_answered(supervisor):
    channel = FakeChannel()
    answers = Deliveries(channel)
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(TRAIN_END)
        supervisor.tell(
            StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=answers)
        )
        answers.get()
    assert answers.sent_before == forwarded([TRAIN_END])


def test_a_trainer_that_stays_connected_does_not_hold_up_the_stop(supervisor):
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("the last")
        assert stop(supervisor).summary.received == 1


def test_the_stop_waits_until_what_the_client_was_sent_has_left(supervisor, loop_thread):
    channel = FakeChannel(buffering=True)
    answers = Probe()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("first", "last")
    supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=answers))
    channel.wait_for_count(2)
    wait_for_phase(supervisor, Phase.STOPPING)
    assert channel.bufferedAmount > 0
    assert answers.drain() == []

    loop_thread.call(channel.drain)
    assert answers.get().summary == ReportingSummary(received=2, forwarded=2)
    assert status(supervisor).phase is Phase.IDLE


def test_a_client_whose_channel_is_full_is_given_the_rest_as_it_empties(supervisor, loop_thread):
    run = reports(3_000)
    channel = FakeChannel(buffering=True)
    answers = Probe()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        paced(run, trainer)
    supervisor.tell(StopReporting(job_id="job-1", outcome=JobOutcome.COMPLETED, reply_to=answers))
    while len(channel.sent) < len(run) or channel.bufferedAmount:
        loop_thread.call(channel.drain)
        status(supervisor)
    assert answers.get().summary == ReportingSummary(received=3_000, forwarded=3_000)
    assert channel.sent == forwarded(run)
    assert channel.highest_buffered <= 16 * 1024
