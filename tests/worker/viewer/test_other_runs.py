"""The runs that are kept, for whoever compares: what is told of them, to whom, and nothing else."""

import json
import os

import pytest

from actors.worker.outputs import RunFacts, Runs, RunSummary
from tests.support.recorded_runs import recorded_run
from tests.support.served_page import WATCH, Served

pytestmark = pytest.mark.asyncio

SECRET = "a-token-of-another-run"


@pytest.fixture
def runs(tmp_path) -> Runs:
    return Runs(tmp_path / "runs")


def begin(runs: Runs, second: int, messages: tuple[str, ...] | list[str] = ()):
    facts = RunFacts(began=1.76e9 + second, host=os.uname().nodename, title=f"run {second}")
    run = runs.begin(facts)
    with run.journal.open("w") as file:
        for number, message in enumerate(messages, 1):
            fields = {"sequence": number, "time": 1e9 + number, "message": message}
            file.write(f"{json.dumps(fields)}\n")
    return run


async def test_the_runs_are_listed_without_their_links(serve, runs):
    begin(runs, 1).write_summary(RunSummary(outcome="completed", epochs=7, best_loss=0.5))
    begin(runs, 2).write_live(link=f"http://x/#token={SECRET}")
    served = await serve(runs=runs)
    async with served.visitor() as session:
        async with session.get("session") as response:
            assert (await response.json())["may_compare"] is True
        async with session.get("runs") as response:
            text = await response.text()
    assert SECRET not in text
    newer, older = json.loads(text)
    assert (newer["title"], newer["outcome"], newer["lives"]) == ("run 2", "runs", True)
    assert (older["outcome"], older["epochs"], older["best_loss"]) == ("finished", 7, 0.5)


async def test_of_a_run_the_epochs_are_told_and_neither_batches_nor_output(serve, runs):
    recorded = recorded_run("sleap_nn_full_run")
    output = '{"what": "__meta__", "event": "output", "lines": ["a secret of the output"]}'
    run = begin(runs, 1, [*recorded[:50], output, "no json", *recorded[50:]])
    with run.journal.open("a") as file:
        file.write("x" * 3_000_000 + '\n{"time": 1, "message": "{\\"event\\": \\"epoch_end\\"')
    served = await serve(runs=runs)
    async with served.visitor() as session, session.get(f"runs/{run.name}") as response:
        assert response.status == 200
        digest = await response.json()
    told = [json.loads(message) for _, message in digest["entries"]]
    assert [one["epoch"] for one in told if one["event"] == "epoch_end"] == list(range(10))
    kinds = {"train_begin", "train_end", "epoch_begin", "epoch_end"}
    assert {one["event"] for one in told} == kinds


async def test_who_may_only_watch_sees_no_other_run(serve, runs):
    run = begin(runs, 1, recorded_run("sleap_nn_full_run"))
    served = await serve(runs=runs)
    async with served.visitor(WATCH) as session:
        async with session.get("session") as response:
            assert (await response.json())["may_compare"] is False
        for path in ("runs", f"runs/{run.name}"):
            async with session.get(path) as response:
                assert response.status == 403
    async with served.visitor(None) as session, session.get("runs") as response:
        assert response.status == 401


@pytest.mark.parametrize(
    "name", ["1", "last", "..%2Fsecret", "%2Fetc%2Fpasswd", "run.jsonl", "x" * 300]
)
async def test_nothing_else_of_the_disk_is_reachable(serve, runs, tmp_path, name):
    begin(runs, 1)
    (tmp_path / "secret").write_text('{"message": "{\\"event\\": \\"epoch_end\\"}"}')
    served = await serve(runs=runs)
    async with served.visitor() as session, session.get(f"runs/{name}") as response:
        assert response.status == 404


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "missing"])
async def test_a_journal_that_is_none_is_not_read(serve, runs, tmp_path, kind):
    run = begin(runs, 1)
    run.journal.unlink()
    match kind:
        case "link":
            (tmp_path / "secret").write_text("{}")
            run.journal.symlink_to(tmp_path / "secret")
        case "folder":
            run.journal.mkdir()
        case "pipe":
            os.mkfifo(run.journal)
    served = await serve(runs=runs)
    async with served.visitor() as session, session.get(f"runs/{run.name}") as response:
        assert response.status == (200 if kind == "pipe" else 404)
        if kind == "pipe":
            assert (await response.json())["entries"] == []


async def test_without_runs_there_is_nothing_to_compare(served: Served):

    async with served.visitor() as session:
        async with session.get("session") as response:
            assert (await response.json())["may_compare"] is False
        async with session.get("runs") as response:
            assert response.status == 404
