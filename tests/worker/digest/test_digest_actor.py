"""DigestActor: a client of the run that is asked for all of it."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from actors.worker import digest
from actors.worker.digest import actor
from messages import (
    ChildDown,
    DigestTaken,
    EntriesRead,
    GetDigest,
    Mailbox,
    RunRead,
    TextsForwarded,
    TextsTaken,
    encode_page,
    pieces_of,
)
from tests.support.probe import Probe
from tests.support.texts import reports
from tests.support.waiting import PATIENCE


class Rig:
    """The actor, which is told pages."""

    def __init__(self, *, earlier: bool = False) -> None:
        self.parent: Probe[ChildDown] = Probe()
        self.taken: Probe[TextsTaken] = Probe()
        self.ref = digest.spawn(parent=self.parent, earlier=earlier)
        self.position = 0

    def add(self, *messages: str) -> None:
        page = encode_page(self.position + 1, [5.0] * len(messages), messages)
        self.position += len(messages)
        self.ref.tell(TextsForwarded(texts=tuple(pieces_of(page)), reply_to=self.taken))
        assert self.taken.get() == TextsTaken()

    def digest(self) -> dict[str, Any]:
        def request(reply_to: Mailbox[DigestTaken]) -> GetDigest:
            return GetDigest(reply_to=reply_to)

        taken = self.ref.ask(request, timeout=PATIENCE)
        json_of_it = gzip.decompress(taken.packed)
        assert taken.size == len(json_of_it)
        found: dict[str, Any] = json.loads(json_of_it)
        assert found["position"] == taken.position
        return found

    def end(self) -> None:
        self.ref.end()
        self.parent.get()


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.end()


def test_before_anything_has_come_it_is_empty(rig: Rig) -> None:
    assert (rig.digest()["position"], rig.digest()["entries"]) == (0, [])


def test_it_takes_pages_and_pieces_of_them(rig: Rig) -> None:
    rig.add(*reports(10))
    large = json.dumps({"event": "epoch_end", "x": "x" * 200_000})
    rig.add(large)
    taken = rig.digest()
    assert (taken["position"], taken["reports"]) == (11, 11)
    assert taken["entries"][-1] == [5.0, large]


def test_it_is_packed_once_for_many_who_come_at_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actor, "KEPT_FOR", 3_600.0)
    rig.add(*reports(10))
    assert rig.digest()["position"] == 10
    rig.add(*reports(5))
    assert rig.digest()["position"] == 10  # a viewer goes on from there
    monkeypatch.setattr(actor, "KEPT_FOR", -1.0)
    assert rig.digest()["position"] == 15
    packed: list[bytes] = []
    monkeypatch.setattr(actor, "packed_json", packed.append)
    assert rig.digest()["position"] == 15  # nothing has come since
    assert packed == []


def test_an_earlier_run_is_told_when_all_of_it_is_read() -> None:
    rig = Rig(earlier=True)
    told: Probe[DigestTaken] = Probe()
    run = tuple((5.0, report) for report in reports(15))
    for page in (run[:10], run[10:]):
        rig.ref.tell(GetDigest(reply_to=told))
        rig.ref.tell(EntriesRead(entries=page, reply_to=rig.taken))
        assert rig.taken.get() == TextsTaken()
    assert told.drain() == []
    rig.ref.tell(RunRead())
    assert [told.get().position, told.get().position] == [15, 15]
    assert rig.digest()["position"] == 15
    rig.end()
