"""One log for many jobs: what is kept never pushes out what a live client is to get."""

import json

from messages import (
    AddToLog,
    LogEntry,
    ReportingSummary,
    StateChanged,
)
from messages.event_codec import encode_event
from messages.events import RunState
from tests.support.channel import FakeChannel
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, stop, tell_switch, trainer_for
from tests.support.texts import forwarded

EPOCHS = 10


def job_of(number: int, padding: int = 0) -> list[str]:
    """The reports of a job of some epochs."""
    return [
        json.dumps({"event": event, "job": number, "epoch": epoch, "padding": "x" * padding})
        for epoch in range(EPOCHS)
        for event in ("epoch_begin", "batch_end", "epoch_end")
    ]


def test_batch_reports_reach_a_live_client_however_many_jobs_there_were(new_supervisor):
    supervisor = new_supervisor(log_limit=50)
    channel, answers, sent = FakeChannel(), Probe(), []
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor, "0")) as trainer:
        for number in range(10):
            for report in job_of(number):
                trainer.send(report)
                sent.append(report)
            channel.wait_for_count(len(sent))
            tell_switch(supervisor, answers, str(number), str(number + 1))
            count = len(job_of(number))
            assert answers.get().summary == ReportingSummary(received=count, forwarded=count)
            answers.get()
    assert channel.sent == forwarded(sent)


def test_a_flood_of_bytes_in_kept_reports_does_not_push_out_batch_reports(new_supervisor):
    supervisor = new_supervisor(log_bytes=20_000)
    channel = FakeChannel()
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        sent = job_of(0, padding=15_000)
        for count, report in enumerate(sent, 1):
            trainer.send(report)
            channel.wait_for_count(count)
    assert channel.sent == forwarded(sent)


def test_what_is_added_to_the_log_counts_in_no_job(supervisor):
    texts = [*job_of(0), '{"event": "train_begin"}', '{"event": "train_end"}']
    state = StateChanged(state=RunState.TRAINING, text="as it was")
    entries = [LogEntry(text=text) for text in texts * 100]
    entries.append(LogEntry(text=encode_event(state), note=True))
    answers = Probe()
    for first in range(0, len(entries), 500):
        page = tuple(entries[first : first + 500])
        supervisor.tell(AddToLog(entries=page, reply_to=answers))
        assert answers.get().last == first + len(page)
    channel = FakeChannel()
    start(supervisor)
    supervisor.tell(AddToLog(entries=(entries[0],)))
    attach_client(supervisor, channel)  # it gets the job, not what was added before
    assert channel.wait_for_count(1) == forwarded([entries[0].text])
    stopped = stop(supervisor)
    assert stopped.summary == ReportingSummary()
    assert not stopped.summary.train_end
