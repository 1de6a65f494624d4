"""ProgressLog: positions, pages, and what goes first when it is full."""

import json

import pytest

from actors import ProgressLog
from actors.progress_listener.log import DECODE_LIMIT, PAGE_BYTES
from messages import ProgressCounts, ProgressPage
from messages.wire import text_bytes

KEPT_EVENTS = ["train_begin", "epoch_begin", "epoch_end", "train_end", "val_end", ""]
NO_REPORTS = ["not JSON", "[1, 2]", "7", "null", '"batch_end"', '{"event": ', "[" * 100_000, "{}"]


def log_of(*texts: str, limit: int = 1_000, max_bytes: int = 1_000_000) -> ProgressLog:
    log = ProgressLog(limit=limit, max_bytes=max_bytes)
    log.begin_job()
    for text in texts:
        log.receive(text)
    return log


def event(name: str, number: int = 0) -> str:
    return json.dumps({"what": "", "event": name, "batch": number})


def page(
    log: ProgressLog, after: int, limit: int = 1_000
) -> tuple[tuple[str, ...], int, int, bool] | None:
    """A page as a plain tuple: messages, last, missed, ended."""
    found = log.page(after, limit)
    return None if found is None else (found.messages, found.last, found.missed, found.ended)


def read_all(log: ProgressLog, after: int = 0, limit: int = 1_000) -> dict[int, str]:
    """All that a reader gets, by position."""
    found: dict[int, str] = {}
    while (got := log.page(after, limit)) is not None:
        first = got.last - len(got.messages) + 1
        found |= {first + offset: text for offset, text in enumerate(got.messages)}
        after = got.last
    return found


def test_an_empty_log_has_no_page() -> None:
    assert log_of().page(0, 10) is None
    assert len(log_of()) == 0


def test_positions_count_from_one() -> None:
    log = log_of("a", "b", "c")
    assert log.page(0, 10) == ProgressPage(messages=("a", "b", "c"), last=3, missed=0, ended=False)
    assert page(log, 2) == (("c",), 3, 0, False)


@pytest.mark.parametrize("after", [3, 4, 100])
def test_there_is_no_page_after_the_last_position(after: int) -> None:
    assert log_of("a", "b", "c").page(after, 10) is None


def test_a_page_holds_the_limit_at_the_most() -> None:
    log = log_of("a", "b", "c")
    assert page(log, 0, limit=2) == (("a", "b"), 2, 0, False)
    assert page(log, 2, limit=2) == (("c",), 3, 0, False)


def test_a_page_ends_before_it_holds_more_than_its_bytes() -> None:
    text = "é" * (PAGE_BYTES // 8)  # a quarter of a page in UTF-8
    log = log_of(*[text] * 6)
    assert page(log, 0) == ((text,) * 4, 4, 0, False)
    assert page(log, 4) == ((text,) * 2, 6, 0, False)


def test_a_report_that_is_bigger_than_a_page_is_a_page_of_its_own() -> None:
    big = "x" * (PAGE_BYTES + 1)
    log = log_of("a", big, "b")
    assert page(log, 0) == (("a",), 1, 0, False)
    assert page(log, 1) == ((big,), 2, 0, False)
    assert page(log, 2) == (("b",), 3, 0, False)


def test_counts_are_the_jobs_and_positions_go_on() -> None:
    log = log_of("a", "b")
    log.count_undecodable()
    assert log.counts == ProgressCounts(received=3, undecodable=1, last=2)
    log.end_job()
    log.begin_job()
    assert log.counts == ProgressCounts(received=0, undecodable=0, last=2)
    log.receive("c")
    assert log.counts == ProgressCounts(received=1, undecodable=0, last=3)


def test_a_page_says_whose_reports_it_has_and_how_many_of_them_have_come() -> None:
    log = log_of("a", "b")
    log.append("note", note=True)
    log.receive("c")
    log.end_job()
    log.append("note", note=True)
    log.append("added")
    log.begin_job()
    log.receive("d")
    log.count_undecodable()

    def whose(after: int, limit: int) -> tuple[int, int, list[int]]:
        page = log.page(after, limit)
        assert page is not None
        before = [page.reports_before(index) for index in range(len(page.messages))]
        return page.job, page.reports, before

    assert whose(0, 2) == (0, 2, [0, 1])
    assert whose(1, 9) == (0, 3, [1, 2, 2])
    assert whose(4, 2) == (0, 3, [3, 3])  # between two jobs
    assert whose(4, 9) == (6, 1, [0, 0, 0])
    assert (log.counts.job, log.counts.reports) == (6, 1)


def test_an_empty_page_is_where_the_job_begins_or_where_all_ends() -> None:
    log = log_of("a", "b")
    assert (log.begin().last, log.begin().job, log.begin().reports) == (0, 0, 0)
    log.end_job()
    for page in (log.begin(), log.end()):
        assert (page.last, page.job, page.reports, page.ended) == (2, 0, 2, True)
    log.append("note", note=True)
    log.begin_job()
    log.receive("c")
    assert (log.begin().last, log.begin().job, log.begin().reports) == (3, 3, 0)


def test_of_jobs_too_long_ago_the_first_is_told_in_place_of_their_own() -> None:
    log = log_of(limit=5_000)
    for _ in range(2_000):
        log.begin_job()
        log.receive("a")
        log.end_job()
    pages = [log.page(after, 1) for after in (0, 500, 1_500, 1_999)]
    assert [page.job for page in pages if page is not None] == [0, 0, 1_500, 1_999]


def test_a_page_says_that_it_ends_a_job_and_never_spans_two() -> None:
    log = log_of("a", "b")
    assert page(log, 0) == (("a", "b"), 2, 0, False)
    log.end_job()
    log.begin_job()
    log.receive("c")
    assert page(log, 0, limit=1) == (("a",), 1, 0, False)
    assert page(log, 0) == (("a", "b"), 2, 0, True)
    assert page(log, 1) == (("b",), 2, 0, True)
    assert page(log, 2) == (("c",), 3, 0, False)
    log.end_job()
    assert page(log, 2) == (("c",), 3, 0, True)
    assert page(log, 0) == (("a", "b"), 2, 0, True)


def test_jobs_without_a_report_do_not_disturb_the_pages() -> None:
    log = log_of()
    for text in ("", "", "a", "", "b"):
        log.begin_job()
        if text:
            log.receive(text)
        if text != "b":
            log.end_job()
    assert page(log, 0) == (("a",), 1, 0, True)
    assert page(log, 1) == (("b",), 2, 0, False)


def test_ended_is_told_of_many_jobs() -> None:
    log = log_of()
    for number in range(500):
        log.begin_job()
        log.receive(str(number))
        log.end_job()
    assert all(page(log, n) == ((str(n),), n + 1, 0, True) for n in range(500))


def test_a_full_log_drops_its_oldest_batch_reports() -> None:
    texts = [event("batch_start" if n % 2 else "batch_end", n) for n in range(10)]
    log = log_of(*texts, limit=4)
    assert len(log) == 4
    assert page(log, 0) == (tuple(texts[6:]), 10, 6, False)
    assert page(log, 3) == (tuple(texts[6:]), 10, 3, False)
    assert page(log, 8) == (tuple(texts[8:]), 10, 0, False)


@pytest.mark.parametrize("name", KEPT_EVENTS)
def test_an_event_other_than_of_a_batch_stays_while_a_batch_report_can_go(name: str) -> None:
    kept = event(name)
    log = log_of(kept, *(event("batch_end", n) for n in range(10)), limit=4)
    assert page(log, 0) == ((kept,), 1, 0, False)
    assert page(log, 1) == (tuple(event("batch_end", n) for n in (6, 7, 8, 9)), 11, 6, False)


@pytest.mark.parametrize("text", NO_REPORTS, ids=lambda text: text[:12])
def test_what_is_no_batch_report_stays_while_a_batch_report_can_go(text: str) -> None:
    log = log_of(text, *(event("batch_end", n) for n in range(10)), limit=4)
    assert read_all(log)[1] == text


def test_kept_reports_that_lie_apart_come_in_pages_of_their_own() -> None:
    log = log_of(
        event("epoch_begin", 1),
        event("batch_end"),
        event("epoch_begin", 2),
        event("epoch_begin", 3),
        event("batch_end"),
        event("train_end"),
        event("batch_end"),
        event("batch_end"),
        event("batch_end"),
        event("batch_end"),
        limit=4,
    )
    assert page(log, 0) == ((event("epoch_begin", 1),), 1, 0, False)
    assert page(log, 1) == (
        (event("epoch_begin", 2), event("epoch_begin", 3)),
        *(4, 1, False),
    )
    assert page(log, 4) == ((event("train_end"), *[event("batch_end")] * 4), 10, 1, False)


def test_no_flood_of_the_one_kind_pushes_out_the_other() -> None:
    kept = [event("epoch_end", n) for n in range(10)]
    passing = [event("batch_end", n) for n in range(10)]
    log = log_of(*passing[:2], *kept, *passing[2:4], limit=4)
    assert list(read_all(log).values()) == [*passing[:2], *kept[6:], *passing[2:4]]


def test_a_flood_of_nothing_but_kept_reports_drops_the_oldest() -> None:
    texts = [event("epoch_end", n) for n in range(10)]
    log = log_of(*texts, limit=4)
    assert page(log, 0) == (tuple(texts[6:]), 10, 6, False)


def test_the_log_is_bounded_in_bytes() -> None:
    texts = [event("batch_end", n) for n in range(10)]
    log = log_of(*texts, max_bytes=2 * 3 * len(texts[0]))
    assert page(log, 0) == (tuple(texts[7:]), 10, 7, False)


def test_bytes_are_those_of_utf_8() -> None:
    assert text_bytes("abc") == 3
    assert text_bytes("é\U0001f600") == 6
    log = log_of("é" * 10, "é" * 10, max_bytes=60)
    assert read_all(log) == {2: "é" * 10}


def test_the_newest_entry_of_its_kind_is_never_the_one_that_goes() -> None:
    big, batch = "x" * 1001, event("batch_end")
    log = log_of("a", batch, big, max_bytes=1000)
    assert read_all(log) == {2: batch, 3: big}
    log.receive("b")
    assert read_all(log) == {2: batch, 4: "b"}
    assert log.counts.received == 4


def test_a_reader_that_lags_behind_the_thinned_part_is_told_what_it_missed() -> None:
    log = log_of(*(event("batch_end", n) for n in range(5)))
    assert page(log, 0, limit=2) is not None
    small = log_of(*(event("batch_end", n) for n in range(8)), limit=2)
    assert page(small, 2) == (
        (event("batch_end", 6), event("batch_end", 7)),
        *(8, 4, False),
    )


def test_a_block_of_large_reports_is_packed_in_small_pieces():
    log = ProgressLog(limit=1000, max_bytes=2**30)
    texts = [json.dumps({"event": "epoch_end", "n": n, "x": "y" * 50_000}) for n in range(60)]
    for text in texts:
        log.append(text)
    assert max(len(list(block.entries())) for block in log._kept._blocks) <= 3
    assert list(read_all(log).values()) == texts


@pytest.mark.parametrize(("event", "is_kept"), [("batch_end", False), ("epoch_end", True)])
def test_a_large_report_is_known_by_how_it_begins(event, is_kept):
    log = ProgressLog(limit=2, max_bytes=2**30)
    large = f'{{"what": "", "event": "{event}", "logs": {{"x": "{"y" * 2 * DECODE_LIMIT}"}}}}'
    log.receive(large)
    for number in range(5):
        log.receive(f'{{"what": "", "event": "batch_start", "batch": {number}}}')
    assert (large in read_all(log).values()) is is_kept


def test_the_last_report_is_known_however_large_it_is():
    log = ProgressLog(limit=10, max_bytes=2**30)
    assert log.receive(f'{{"what": "", "event": "train_end", "x": "{"y" * 2 * DECODE_LIMIT}"}}')
    assert not log.receive(f'{{"x": "{"y" * 2 * DECODE_LIMIT}", "event": "no \\"train_end\\""}}')


def test_the_last_epoch_is_a_plausible_whole_number() -> None:
    log = ProgressLog(limit=10, max_bytes=10_000)
    for number in ("3", "-1", "true", "9" * 4000, "0.5"):
        log.receive(f'{{"event": "epoch_end", "epoch": {number}}}')
        assert log.counts.last_epoch == 3
    log.receive('{"event": "epoch_end", "epoch": 1e5}')
    assert log.counts.last_epoch == 100_000
    assert log.counts.received == 6
