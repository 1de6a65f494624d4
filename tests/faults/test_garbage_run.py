"""The small files of a run hold what nobody has written there: the run is read, or is not one."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from actors.worker import PlanError, archive, parse, plan_of
from actors.worker.outputs import RunFacts, Runs, RunSummary, lines_of
from messages import GetRuns, RunsTaken
from tests.support.probe import Probe
from tests.support.running_worker import RunningWorker

GARBAGE: list[Any] = [
    *("", "x", "a\0b", "\ud800", "9" * 5_000, 0, -1, 1.5, 10**400, 1e308, True, None, {}, []),
    *(["a\0b"], ["\ud800"], [None], [[]], float("inf"), float("nan")),
]

_GONE = "of an earlier start"

KEEPER: dict[str, Any] = {
    "keeper": _GONE,
    "keeper_pid": 4_194_303,
    "trainer": _GONE,
    "trainer_pid": 4_194_302,
    "host": "here",
    "output_from": 0,
}
LIVE: dict[str, Any] = {
    "worker": _GONE,
    "pid": 4_194_301,
    "host": "here",
    "link": "http://127.0.0.1:8765/",
    "control_address": "tcp://127.0.0.1:9000",
    "progress_address": "tcp://127.0.0.1:9001",
}
EXIT: dict[str, Any] = {
    "code": 3,
    "signal": None,
    "time": 1.0,
    "cancelled": False,
    "left": [],
    "until": 0,
}
FILES = {"keeper.json": KEEPER, "live.json": LIVE, "exit.json": EXIT}


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """The folder of a run that has ended without its worker."""
    monkeypatch.setenv("SLEAP_PROGRESS_RUNS", str(tmp_path))
    run = Runs(tmp_path).begin(
        RunFacts(began=time.time(), host=os.uname().nodename, command=("true",), title="true")
    )
    run.write_summary(RunSummary(outcome="failed", best_loss=0.5, best_epoch=1))
    run.journal.touch()
    for name, fields in FILES.items():
        (run.folder / name).write_text(json.dumps(fields))
    return run.folder


def fields_of(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())


def none(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON to a browser")


@pytest.mark.parametrize("name", ["run.json", "summary.json", *FILES])
def test_the_runs_are_listed_and_gone_on_with_whatever_stands_in_a_field(run, name):
    whole = fields_of(run / name)
    page, there = archive.spawn(parent=Probe(), runs=Runs(run.parent)), Probe()
    try:
        for field in whole:
            for value in GARBAGE:
                (run / name).write_text(json.dumps({**whole, field: value}))
                assert "\0" not in "".join(lines_of(Runs(run.parent)))
                page.tell(GetRuns(reply_to=there))
                json.loads(there.wait_for(RunsTaken).json, parse_constant=none)
                try:
                    plan = plan_of(parse(["--no-page", "--adopt=last"]))
                except PlanError:
                    continue
                assert plan.keeping.record is not None
                plan.keeping.record.close()
    finally:
        assert page.stop(timeout=10.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("checkpoint_folders", ["models\0"]),
        ("checkpoint_folders", ["\ud800"]),
        ("checkpoint_folders", "models"),
        ("command", ["a\0b"]),
        ("title", "\ud800"),
        ("began", float("nan")),
        ("epochs", float("inf")),
    ],
)
def test_a_run_of_which_there_is_no_such_training_is_none(run, field, value):
    marker = run / "run.json"
    marker.write_text(json.dumps({**fields_of(marker), field: value}))
    assert list(Runs(run.parent)) == []


@pytest.mark.parametrize("field", ["command", "folder", "title", "checkpoint_folders"])
def test_a_name_that_is_no_text_is_one_to_the_system(run, field):
    marker = run / "run.json"
    name = os.fsdecode(b"models of J\xfcrgen")  # as a disk of ISO 8859-1 has it
    value = name if field in ("folder", "title") else [name]
    marker.write_text(json.dumps({**fields_of(marker), field: value}))
    assert [found.folder for found in Runs(run.parent)] == [run]
    with RunningWorker("--runs", ports=(), variables={"PYTHONIOENCODING": "utf-8:strict"}) as shown:
        assert shown.ends() == 0, shown.output
    assert run.name in shown.output


@pytest.mark.parametrize("pid", [-1, float("inf")])
def test_a_training_whose_keeper_has_written_garbage_is_gone_on_with(run, pid):
    (run / "exit.json").unlink()
    (run / "keeper.json").write_text(json.dumps({**KEEPER, "trainer_pid": pid}))
    with RunningWorker("--no-page", "--adopt=last") as worker:
        assert worker.ends() == 1, worker.output
        assert worker.leaves_nothing()
    assert "nobody knows with which exit code" in worker.output
    assert "Traceback" not in worker.output
    assert " ERROR " not in worker.output
