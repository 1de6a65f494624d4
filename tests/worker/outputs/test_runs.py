"""The folders of runs: made, found, gone on with, and removed."""

import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from actors.worker.keeper import identity
from actors.worker.outputs import RunFacts, Runs, RunsError, runs_folder

MINE = os.uname().nodename

END: dict[str, Any] = {
    "code": 0,
    "signal": None,
    "time": 1.0,
    "cancelled": False,
    "left": [],
    "until": 0,
}
"""What a keeper has written of the training's end."""


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path / "runs")


def facts(second=0, host=MINE, **changes) -> RunFacts:
    began = time.mktime((2026, 11, 26, 12, 0, second, 0, 0, -1))
    return RunFacts(began=began, host=host, command=("sleap-nn", "train"), folder="/w", **changes)


def test_a_run_is_found_by_its_name_its_number_and_as_the_last(runs):
    old, new = runs.begin(facts(1)), runs.begin(facts(2))
    assert [run.name for run in runs] == [new.name, old.name]
    assert new.name.startswith("20261126-120002-")
    assert new.name.endswith(f"-{os.getpid()}")
    assert runs.find("last") == runs.find("1") == runs.find(new.name) == new
    assert runs.find("2") == old
    assert (new.folder.stat().st_mode & 0o777) == 0o700
    assert ((new.folder / "run.json").stat().st_mode & 0o777) == 0o600


def test_the_last_one_to_adopt_has_lost_its_worker_and_what_still_runs_comes_first(runs):
    dead = {"pid": 0, "worker": "somebody"}
    me = {"keeper_pid": os.getpid(), "keeper": identity(os.getpid())}
    alone, ended, unbegun, elsewhere, whole, live = (
        runs.begin(facts(second, host="other" if second == 4 else MINE)) for second in range(1, 7)
    )
    assert runs.find_to_adopt("last") == live
    for run in (ended, unbegun, elsewhere, alone):
        (run.folder / "live.json").write_text(json.dumps(dead))
        if run != unbegun:
            (run.folder / "keeper.json").write_text(json.dumps(me if run == alone else dead))
        if run != elsewhere:  # for all that is known here that one lives, and its worker too
            lost = ended if run in (ended, unbegun) else alone
            assert runs.find_to_adopt("last") == lost
    live.write_live()
    (whole.folder / "keeper.json").write_text(json.dumps(me))
    assert runs.find_to_adopt("last") == alone
    assert runs.find_to_adopt("1") == runs.find("last") == live


def test_a_run_that_is_alone_is_found_by_the_ports_that_its_training_was_told(runs):
    addresses = {"control_address": "tcp://127.0.0.1:9000", "progress_address": "ipc:///w/p"}
    run = runs.begin(facts())
    kept = {"keeper_pid": os.getpid(), "keeper": identity(os.getpid())}
    (run.folder / "keeper.json").write_text(json.dumps(kept))
    run.write_live(**addresses)
    assert runs.alone_at("tcp://127.0.0.1:9000") is None  # its worker is this process
    (run.folder / "live.json").write_text(json.dumps({"pid": 0, "worker": "x", **addresses}))
    assert runs.alone_at("tcp://127.0.0.1:9001", "tcp://*:9000") == run
    assert runs.alone_at("ipc:///w/p") == run
    assert runs.alone_at("tcp://127.0.0.1:9001", "tcp://127.0.0.1:*") is None
    (run.folder / "exit.json").write_text("what is cut off tells of no end")
    assert runs.alone_at("tcp://127.0.0.1:9000") == run
    (run.folder / "exit.json").write_text(json.dumps(END))
    assert runs.alone_at("tcp://127.0.0.1:9000") is None


def test_runs_that_begin_in_the_same_second_have_folders_of_their_own(runs):
    """In containers of one machine, which see its name, every worker may be process 1."""
    folders = [runs.begin(facts(1)).folder.name for _ in range(3)]
    assert [int(name.rpartition("-")[2]) - os.getpid() for name in folders] == [0, 1, 2]
    assert len(list(runs)) == 3


@pytest.mark.parametrize(
    "name", ["0", "3", "9" * 5_000, "none", "../x", "a\0b", "20261126-120002-elsewhere-1", ""]
)
def test_a_run_that_is_not_there_is_an_error(runs, name):
    runs.begin(facts())
    with pytest.raises(RunsError, match="there is no run"):
        runs.find(name)


def test_what_is_not_ours_is_not_a_run(runs, tmp_path):
    name = runs.begin(facts(1)).name
    other = runs.folder / f"20261126-120003-{MINE}-1"
    other.mkdir()  # without the marker
    (runs.folder / f"20261126-120004-{MINE}-1").symlink_to(runs.folder / name)
    (runs.folder / f"20261126-120005-{MINE}-1").write_text("")
    broken = runs.folder / f"20261126-120006-{MINE}-1"
    broken.mkdir()
    (broken / "run.json").write_text('{"began": "soon"}')
    linked = runs.folder / f"20261126-120007-{MINE}-1"
    linked.mkdir()
    (linked / "run.json").symlink_to(runs.folder / name / "run.json")
    assert [run.name for run in runs] == [name]


def test_a_run_lives_as_long_as_its_worker_its_keeper_or_its_training(runs):
    run = runs.begin(facts())
    assert not run.lives
    run.write_live(link="http://x")
    assert run.lives
    assert run.live["link"] == "http://x"
    run.end_live()
    assert not run.lives
    kept = {"keeper_pid": os.getpid(), "keeper": identity(os.getpid())}
    (run.folder / "keeper.json").write_text(json.dumps(kept))
    assert run.lives
    kept["keeper"] = "another boot"
    (run.folder / "keeper.json").write_text(json.dumps(kept))
    assert not run.lives


def test_a_run_of_another_machine_lives_as_long_as_it_gives_signs(runs):
    run = runs.begin(facts(host="elsewhere"))
    (run.folder / "live.json").write_text("{}")
    assert run.lives
    os.utime(run.folder / "live.json", (1.0, 1.0))
    assert not run.lives


@pytest.mark.parametrize("name", ["live.json", "keeper.json"])
def test_a_run_of_another_container_of_this_machine_does_so_too(runs, name):
    run = runs.begin(facts())
    file = run.folder / name
    file.write_text(json.dumps({"pid_namespace": "pid:[1]", "pid": 1, "keeper_pid": 1}))
    assert (run.is_here, run.lives) == (False, True)
    runs.tidy(count=1, size=1)
    assert run.folder.exists()
    os.utime(file, (1.0, 1.0))
    assert not run.lives
    file.write_text("{}")  # as it was written before the field was
    assert (run.is_here, run.lives) == (True, False)


def test_the_oldest_runs_go_by_count_and_by_size_and_one_that_lives_stays(runs):
    all_of_them = [runs.begin(facts(second)) for second in range(6)]
    for run in all_of_them:
        (run.folder / "output.log").write_bytes(b"x" * 10_000)
        (run.folder / "output-000000000000000.log").write_bytes(b"x")
    all_of_them[0].write_live()
    runs.tidy(count=4, size=10**9)
    assert [run.name for run in runs] == [all_of_them[at].name for at in (5, 4, 3, 2, 0)]
    runs.tidy(count=4, size=25_000)
    assert [run.name for run in runs] == [all_of_them[at].name for at in (5, 4, 0)]
    runs.tidy(count=1, size=10**9, but=all_of_them[4].folder)
    assert [run.name for run in runs] == [all_of_them[at].name for at in (5, 4, 0)]


def test_only_files_of_a_run_are_removed_and_no_link_is_followed(runs, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "run.jsonl").write_text("kept")
    run = runs.begin(facts())
    (run.folder / "thesis.docx").write_text("kept")
    (run.folder / "run.jsonl").symlink_to(outside / "run.jsonl")
    (run.folder / "exit.json").write_text("{}")
    runs.tidy(count=0, size=0)
    assert (outside / "run.jsonl").read_text() == "kept"
    assert (run.folder / "thesis.docx").read_text() == "kept"
    assert not (run.folder / "exit.json").exists()


def test_a_job_of_slurm_that_starts_again_finds_its_run(runs):
    job = ("cluster", "17", "")
    first = runs.begin(facts(1, slurm=job))
    runs.begin(facts(2, slurm=("cluster", "18", "")))
    assert runs.attempt_before(facts(3, slurm=job)) == first
    again = first.further_attempt()
    assert runs.find(first.name).facts.attempts == again.facts.attempts == 2
    assert runs.attempt_before(facts(3, slurm=("cluster", "17", "2"))) is None
    assert runs.attempt_before(facts(3)) is None
    other = dataclasses.replace(facts(3, slurm=job), folder="/elsewhere")
    assert runs.attempt_before(other) is None
    first.write_live()
    assert runs.attempt_before(facts(3, slurm=job)) is None  # it still runs


def test_a_job_that_starts_again_on_another_node_finds_its_run_at_once(runs):
    job = ("cluster", "17", "")
    first = runs.begin(dataclasses.replace(facts(1, slurm=job), host="another-node"))
    first.write_live()  # a minute ago
    assert runs.find(first.name).lives
    assert runs.attempt_before(facts(3, slurm=job)) == first


def test_a_user_without_a_home_has_a_place_too(monkeypatch):
    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 5)  # no user has this number
    assert runs_folder() == Path("/.local/state/sleap-progress/runs")
