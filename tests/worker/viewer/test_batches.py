"""The batch losses of a part of a curve: what is told of them, to whom, and how often."""

import asyncio
import json

import pytest

from actors.worker.viewer import this_run
from tests.support.recorded_runs import recorded_run
from tests.support.served_page import WATCH
from tests.support.trainer import paced

pytestmark = pytest.mark.asyncio


def asked(instance: str, **fields: str) -> dict[str, str]:
    return {"instance": instance, "model": "1", "from": "0-0", "to": "9-99", **fields}


async def test_who_may_watch_is_told_the_batches_of_a_part(served):
    run = recorded_run("sleap_nn_full_run")
    ends = [m for m in map(json.loads, run) if m["event"] == "batch_end"]
    async with served.visitor(WATCH) as session, served.training() as trainer:
        await asyncio.to_thread(paced, run, trainer)
        position, models = 0, []
        while position < len(run):
            async with session.get("digest") as r:
                taken = await r.json()
            position, models = taken["position"], taken["models"]
        [model] = models
        query = asked(
            await served.instance(session), model=str(model["position"]), **{"from": "3-38"}
        )
        async with session.get("batches", params={**query, "to": "4-1"}) as r:
            assert r.status == 200
            part = await r.json()
        # As the page asks, since some proxies lose a query.
        path = "/".join(["batches", query["instance"], query["model"], query["from"], "4-1"])
        async with session.get(path) as r:
            assert await r.json() == part
    wanted = [end for end in ends if (3, 38) <= (end["epoch"], end["batch"]) <= (4, 1)]
    assert part["kept"] == len(wanted) == 4
    assert part["epochs"] == [end["epoch"] for end in wanted]
    assert part["numbers"] == [end["batch"] for end in wanted]
    losses = [end["logs"]["loss"] for end in wanted]
    assert part["losses"] == [pytest.approx(loss, rel=1e-5) for loss in losses]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 404),  # nothing has been reported
        ({"instance": "another"}, 409),
        ({"model": "x"}, 400),
        ({"model": "-1"}, 400),
        ({"model": "9" * 30}, 400),
        ({"from": "1"}, 400),
        ({"from": "1-1-1"}, 400),
        ({"to": "9999999999-0"}, 400),
        ({"to": ""}, 400),
    ],
)
async def test_what_is_no_part_of_this_run_is_refused(served, fields, status):
    async with served.visitor() as session:
        query = asked(await served.instance(session)) | fields
        async with session.get("batches", params=query) as r:
            assert r.status == status
            assert (await r.json())["error"]


async def test_they_need_the_token(served):
    async with served.visitor(None) as session, session.get("batches", params=asked("x")) as r:
        assert r.status == 401


async def test_who_asks_too_often_is_refused_and_the_other_kind_is_not(serve, monkeypatch):
    monkeypatch.setattr(this_run, "LOOKS_RATE", 0.0)
    monkeypatch.setattr(this_run, "LOOKS", 3)
    served = await serve()
    found = []
    async with served.visitor(WATCH) as session:
        query = asked(await served.instance(session))
        for _ in range(5):
            async with session.get("batches", params=query) as r:
                found.append(r.status)
    assert found == [404, 404, 404, 429, 429]
    async with served.visitor() as session, session.get("batches", params=query) as r:
        assert r.status == 404


async def test_a_worker_that_does_not_get_to_it_says_so(serve, monkeypatch):
    monkeypatch.setattr(this_run, "DIGEST_TIMEOUT", 0)
    served = await serve()
    async with served.visitor() as session:
        query = asked(await served.instance(session))
        async with session.get("batches", params=query) as r:
            assert r.status == 503
