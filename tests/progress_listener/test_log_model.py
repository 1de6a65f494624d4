"""ProgressLog against a model that says what must be in it, for any run of any length."""

import json
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import ProgressLog
from actors.progress_listener.block import SIZE
from actors.progress_listener.log import PAGE_BYTES
from messages import ProgressCounts
from messages.wire import text_bytes

END_JOB, UNDECODABLE = "end of a job", "undecodable"


@dataclass(frozen=True)
class Report:
    """One append: a batch report may be dropped first."""

    is_batch: bool
    size: int

    def text(self, number: int) -> str:
        event = "batch_end" if self.is_batch else "epoch_end"
        return json.dumps({"event": event, "number": number}) + " " * self.size


Step: TypeAlias = Report | str

reports = st.builds(
    Report, is_batch=st.booleans(), size=st.one_of(st.integers(0, 60), st.integers(0, 3_000))
)
some_steps = st.one_of(
    st.lists(reports, min_size=1, max_size=3),
    st.builds(lambda report, times: [report] * times, reports, st.integers(1, 2 * SIZE)),
    st.sampled_from([[END_JOB], [UNDECODABLE]]),
)
steps = st.lists(some_steps, max_size=20).map(
    lambda parts: [step for part in parts for step in part]
)
limits = st.one_of(st.integers(1, 20), st.integers(SIZE - 2, 4 * SIZE))
byte_limits = st.one_of(st.integers(1, 500), st.integers(1, 20_000), st.integers(1, 1_000_000))
quick = settings(max_examples=150)


@dataclass
class Model:
    """Keeps everything; ``held`` is what a bounded log may still have."""

    limit: int
    max_bytes: int
    texts: list[str] = field(default_factory=list)
    batches: set[int] = field(default_factory=set)
    held: list[int] = field(default_factory=list)
    ends: set[int] = field(default_factory=set)
    received: int = 0
    undecodable: int = 0

    def append(self, text: str, is_batch: bool) -> None:
        self.texts.append(text)
        self.received += 1
        position = len(self.texts)
        self.held.append(position)
        if is_batch:
            self.batches.add(position)
        alike = [p for p in self.held if (p in self.batches) is is_batch]
        while len(alike) > 1 and (
            len(alike) > self.limit or self.bytes(alike) > self.max_bytes // 2
        ):
            self.held.remove(alike.pop(0))

    def bytes(self, positions: list[int]) -> int:
        return sum(text_bytes(self.text(position)) for position in positions)

    def text(self, position: int) -> str:
        return self.texts[position - 1]


def run(steps: list[Step], limit: int, max_bytes: int) -> tuple[ProgressLog, Model]:
    """Both after the same steps."""
    log, model = ProgressLog(limit=limit, max_bytes=max_bytes), Model(limit, max_bytes)
    log.begin_job()
    for step in steps:
        if isinstance(step, Report):
            text = step.text(len(model.texts))
            log.receive(text)
            model.append(text, step.is_batch)
        elif step == UNDECODABLE:
            log.count_undecodable()
            model.received += 1
            model.undecodable += 1
        else:
            log.end_job()
            log.begin_job()
            model.ends.add(len(model.texts))
            model.received = model.undecodable = 0
    return log, model


@quick
@given(steps=steps, limit=limits, max_bytes=byte_limits)
def test_the_log_holds_what_the_model_holds_and_counts_what_it_counts(
    steps: list[Step], limit: int, max_bytes: int
) -> None:
    log, model = run(steps, limit, max_bytes)
    assert len(log) == len(model.held)
    assert log.counts == ProgressCounts(
        received=model.received, undecodable=model.undecodable, last=len(model.texts)
    )


@quick
@given(
    steps=steps,
    limit=limits,
    max_bytes=byte_limits,
    after=st.integers(0, 1_000),
    page_limit=st.integers(1, 8),
)
def test_reading_from_any_place_gives_all_that_is_held_once_and_in_order(
    steps: list[Step], limit: int, max_bytes: int, after: int, page_limit: int
) -> None:
    log, model = run(steps, limit, max_bytes)
    total = len(model.texts)
    cursor = min(after, total)
    delivered: list[int] = []
    missed = 0
    while (page := log.page(cursor, page_limit)) is not None:
        first = page.last - len(page.messages) + 1
        positions = range(first, page.last + 1)
        # Contiguous, unchanged, and the positions advanced are those delivered or missed.
        assert page.messages == tuple(model.text(position) for position in positions)
        assert page.missed == first - cursor - 1
        assert page.last > cursor
        # Small, and within one job.
        assert len(page.messages) <= page_limit
        assert len(page.messages) <= 1 or sum(map(text_bytes, page.messages)) <= PAGE_BYTES
        assert not model.ends & set(positions[:-1])
        assert page.ended == (page.last in model.ends)
        delivered += positions
        missed += page.missed
        cursor = page.last
    assert cursor == total
    assert delivered == [position for position in model.held if position > min(after, total)]
    assert missed + len(delivered) == total - min(after, total)


@quick
@given(steps=steps, limit=limits, max_bytes=byte_limits)
def test_the_newest_of_each_kind_is_there_and_no_kind_pushes_out_the_other(
    steps: list[Step], limit: int, max_bytes: int
) -> None:
    log = ProgressLog(limit=limit, max_bytes=max_bytes)
    held_before: dict[bool, set[int]] = {True: set(), False: set()}
    for number, step in enumerate(s for s in steps if isinstance(s, Report)):
        log.append(step.text(number))
        held = {is_batch: set[int]() for is_batch in (True, False)}
        for position, text in held_by(log).items():
            held["batch_end" in text].add(position)
        assert log.last in held[step.is_batch]
        assert held[not step.is_batch] == held_before[not step.is_batch]
        held_before = held


@quick
@given(
    steps=st.lists(st.tuples(reports, st.booleans(), st.integers(1, 5)), max_size=4 * SIZE),
    limit=limits,
    max_bytes=byte_limits,
)
def test_a_reader_that_reads_while_the_log_grows_gets_each_report_once_or_counts_it_missed(
    steps: list[tuple[Report, bool, int]], limit: int, max_bytes: int
) -> None:
    log = ProgressLog(limit=limit, max_bytes=max_bytes)
    texts: list[str] = []
    cursor = missed = 0
    got: list[int] = []
    for report, reads, page_limit in steps:
        texts.append(report.text(len(texts)))
        log.append(texts[-1])
        page = log.page(cursor, page_limit) if reads else None
        if page is not None:
            first = page.last - len(page.messages) + 1
            assert page.messages == tuple(texts[first - 1 : page.last])
            got += range(first, page.last + 1)
            missed += page.missed
            cursor = page.last
    assert got == sorted(set(got))
    assert len(got) + missed == cursor


def held_by(log: ProgressLog) -> dict[int, str]:
    """All that the log hands out, by position."""
    found: dict[int, str] = {}
    cursor = 0
    while (page := log.page(cursor, 100)) is not None:
        first = page.last - len(page.messages) + 1
        found |= {first + offset: text for offset, text in enumerate(page.messages)}
        cursor = page.last
    return found


@pytest.mark.parametrize("limit", [1, 10, SIZE - 1, SIZE, SIZE + 1, 3 * SIZE, 10 * SIZE])
@pytest.mark.parametrize("max_bytes", [300, 20_000, 10_000_000])
def test_a_long_run_is_held_as_the_model_holds_it(limit: int, max_bytes: int) -> None:
    long_run: list[Step] = []
    for epoch in range(12):
        long_run += [Report(is_batch=False, size=5), *[Report(is_batch=True, size=20)] * epoch * 11]
        long_run += [Report(is_batch=False, size=900)] * (epoch % 3 + 1)
        long_run += [END_JOB] if epoch % 5 == 4 else []
    long_run += [Report(is_batch=False, size=0)] * 3 * SIZE
    for steps in (long_run, long_run + long_run[::-1]):
        log, model = run(steps, limit, max_bytes)
        assert sorted(held_by(log)) == model.held
        assert log.last == len(model.texts)
