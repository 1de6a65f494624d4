"""A client's counts are of one job, whatever it is given meanwhile of the others."""

from hypothesis import given
from hypothesis import strategies as st

from actors import ProgressLog
from actors.client_channel.cursor import Cursor
from messages import PAGES_PROTOCOL, ClientStatus
from tests.support.channel import FakeChannel
from tests.support.client_rig import ClientRig, ListenerStandIn
from tests.support.event_loop import LoopThread
from tests.support.texts import reports


def counts(status: ClientStatus) -> tuple[int, int, int]:
    return status.forwarded, status.failed, status.missed


def test_each_job_is_counted_from_nothing(
    rig: ClientRig, listener: ListenerStandIn, channel: FakeChannel
) -> None:
    rig.attach(channel)
    for number in range(3):
        listener.add(*reports(5))
        channel.wait_for_count(5 * number + 5)
        flushed = rig.flush_job(listener.next_job()).get()
        assert counts(flushed.status) == (5, 0, 0)


def test_what_a_client_is_given_of_the_next_job_is_not_in_the_counts_of_the_former(
    rig: ClientRig, listener: ListenerStandIn, channel: FakeChannel
) -> None:
    rig.attach(channel)
    listener.add(*reports(5))
    former = listener.next_job()
    listener.add(*reports(3))
    channel.wait_for_count(8)
    assert counts(rig.flush_job(former).get().status) == (5, 0, 0)
    assert counts(rig.flush_job(listener.next_job()).get().status) == (3, 0, 0)


def test_a_client_that_is_jobs_behind_has_failed_in_each_and_counts_nothing_later(
    rig: ClientRig, listener: ListenerStandIn, loop_thread: LoopThread
) -> None:
    channel = FakeChannel("connecting")
    rig.attach(channel)
    for _ in range(4):
        listener.add(*reports(5))
        assert counts(rig.flush_job(listener.next_job()).get().status) == (0, 5, 0)
    loop_thread.call(channel.open)
    channel.wait_for_count(20)
    listener.add(*reports(5))
    channel.wait_for_count(25)
    assert counts(rig.status()) == (5, 0, 0)


def test_a_client_that_comes_when_a_job_is_over_has_missed_nothing_of_it() -> None:
    log = ProgressLog(limit=100, max_bytes=10_000)
    log.begin_job()
    log.receive("a")
    log.end_job()
    former = log.counts
    log.begin_job()
    cursor = Cursor("alice", None, None)
    assert cursor.take(log.begin(), now=0.0)
    assert cursor.give_up(former) == 0
    assert counts(cursor.status("open", former.job)) == (0, 0, 0)


class Channel(FakeChannel):
    """Refuses every third text."""

    asked = 0

    def send(self, data: str, /) -> None:
        self.asked += 1
        if self.asked % 3 == 0:
            raise ValueError("refused")
        super().send(data)


STEPS = [
    *["receive"] * 4,
    *["read"] * 3,
    *["send"] * 6,
    *["note", "add", "undecodable", "back", "switch"],
]


@given(
    steps=st.lists(st.sampled_from(STEPS), min_size=30, max_size=60),
    limit=st.integers(1, 6),
    protocol=st.sampled_from(["", PAGES_PROTOCOL]),
)
def test_of_each_job_each_report_is_in_one_count(
    steps: list[str], limit: int, protocol: str
) -> None:
    log, channel = ProgressLog(limit=limit, max_bytes=10_000), Channel()
    log.begin_job()
    cursor = Cursor("alice", None, None)
    cursor.take(log.begin(), now=0.0)
    cursor.begin(protocol, None)
    for step in [*steps, "switch"]:
        match step:
            case "receive":
                log.receive("a report")
            case "undecodable":
                log.count_undecodable()
            case "note" | "add":
                log.append("an entry", note=step == "note")
            case "read":
                page = log.page(cursor.position, 3)
                if page is not None and cursor.ask():
                    assert cursor.take(page, now=0.0)
            case "send":
                if cursor.next is not None:
                    cursor.send_next(channel)
            case "back":
                cursor.begin(protocol, max(0, cursor.position - 3))
            case "switch":
                log.end_job()
                cursor.give_up(log.counts)
                status = cursor.status("open", log.counts.job)
                assert sum(counts(status)) == status.counted == log.counts.reports
                log.begin_job()
