"""A million reports in five minutes, through the whole chain.

``SOAK_SECONDS=60 pytest -m soak`` is a shorter one at the same rate.
"""

import os

import pytest

from messages import decode_report
from tests.support.page_client import TRANSPORTS, PageClient
from tests.support.processes import memory_of
from tests.support.running_worker import PAGE, SCRIPT, TABLES, RunningWorker
from tests.support.trainer_process import trainer
from tests.support.waiting import settled

SECONDS = float(os.environ.get("SOAK_SECONDS", "300"))

RATE = 3_334
"""Reports a second."""

REPORTS = int(SECONDS * RATE)

WARM = min(120_000, REPORTS // 2)
"""Reports after which memory is to be flat: the log, which holds 100,000, is full."""

GROWTH = 16_000_000
"""Bytes by which memory may vary from there on."""


class Counter(PageClient):
    """Counts the reports and keeps none of them; ``wrong`` are those out of order."""

    count = 0
    wrong = 0

    def _came(self, text: str) -> None:
        message = decode_report(text) or ""
        if '"batch_end"' in message:
            number = int(message.rpartition(" ")[2].rstrip("}"))
            self.wrong += number != self.count
            self.count += 1


@pytest.mark.soak
@pytest.mark.timeout(3 * SECONDS + 120)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_million_reports_arrive_in_order_and_memory_stays_flat(transport):
    steps = trainer(f"send-evenly:{RATE}:{REPORTS}", "leave", "exit:3")
    worker = RunningWorker(*PAGE, *TABLES, "--", *steps, program=(SCRIPT,))
    with worker, Counter(worker.link(), "a-client", transport) as client:
        assert reaches(client, WARM), so_far(client, worker)
        sizes = [memory_of(worker.pid)]
        for part in range(1, 11):
            count = WARM + (REPORTS - WARM) * part // 10 - RATE
            assert reaches(client, count), so_far(client, worker)
            sizes.append(memory_of(worker.pid))
        assert worker.ends() == 3, worker.output
        assert (client.count, client.wrong) == (REPORTS, 0)
        print("memory", [size // 1_000_000 for size in sizes])
    assert max(sizes) - sizes[0] < GROWTH, sizes
    assert worker.count("received from the trainer") == REPORTS
    assert worker.count("failed") == 0


def reaches(client: Counter, count: int) -> bool:
    """Whether it comes to have so many; as long as more come it is waited for."""
    while client.count < count:
        before = client.count
        if not settled(lambda: client.count > before):  # noqa: B023 - called at once
            return False
    return True


def so_far(client: Counter, worker: RunningWorker) -> str:
    return f"{client.count} reports came, {client.wrong} times out of order:\n{worker.output}"
