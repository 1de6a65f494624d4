"""Somebody who is no trainer publishes to the worker's progress address."""

import random

from tests.support.addresses import fixed_addresses
from tests.support.page_client import PageClient
from tests.support.running_worker import PAGE, RunningWorker, at
from tests.support.texts import reports
from tests.support.trainer import StandInTrainer
from tests.support.trainer_process import trainer

NO_TEXT = b"\xff"
"""No UTF-8 begins with it."""


def garbage(count: int) -> list[tuple[bytes, ...]]:
    """Messages that are not one UTF-8 text: random bytes, several frames, and nothing at all."""
    chance = random.Random(11)
    return [
        chance.choice(
            [
                (NO_TEXT + chance.randbytes(chance.randrange(2_000)),),
                (chance.randbytes(9), chance.randbytes(9)),
                (b"",),
            ]
        )
        for _ in range(count)
    ]


def test_random_bytes_of_a_foreign_publisher_are_counted_and_the_run_goes_on(gate):
    control, progress = fixed_addresses(2)
    ports = at(control, progress)
    steps = trainer("send:100", f"read:{gate.path}", "send:100", "leave", "exit:7")
    with RunningWorker(*PAGE, "--", *steps, ports=ports) as worker:
        with PageClient(worker.link(), "a-client") as client:
            client.wait_for_reports(100)
            with StandInTrainer(progress_address=progress) as foreign:
                for frames in garbage(500):
                    foreign.send_bytes(*frames)
                foreign.send("the last one")
            client.wait_for_reports(101)
            gate.open()
            assert worker.ends() == 7, worker.output
            assert client.reports == [*reports(100), "the last one", *reports(100, first=100)]
        assert worker.leaves_nothing()
    assert worker.count("undecodable") == 500
    assert worker.count("received from the trainer") == 701
