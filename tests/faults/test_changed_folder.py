"""The folder of a run is removed, or something else is put in its place, while the run goes on."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.processes import ProcessGate
from tests.support.running_worker import RunningWorker
from tests.support.trainer_process import trainer
from tests.support.waiting import settled

FILES = ("run.json", "run.jsonl", "output.log", "exit.json", "keeper.json", "live.json")


def said_of_a_run(
    tmp_path: Path, new_gate: Callable[[], ProcessGate], change: Callable[[Path], None], says: str
) -> str:
    """What is said of a run whose folder is changed before its training prints: ``says`` first."""
    gate, end = new_gate(), new_gate()
    runs = tmp_path / "runs"
    waits = (f"read:{gate.path}", "print:changed", f"read:{end.path}")
    steps = trainer("send:3", "print:begun", *waits, "print:ending", "leave")
    with RunningWorker("--no-page", "--runs-folder", str(runs), "--", *steps) as worker:
        worker.wait_for("begun")
        (folder,) = runs.iterdir()
        # All that is written at the start is there, and the files' threads wait for news.
        for name, text in (("output.log", ""), ("live.json", "progress"), ("run.jsonl", "begun")):
            assert settled(partial(holds, folder / name, text))
        change(folder)
        gate.open()
        worker.wait_for(says)
        end.open()
        assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()
    return " ".join(worker.output.split())


@pytest.mark.parametrize("option", ["--no-record", "--runs-folder"])
def test_a_journal_of_the_users_that_is_moved_is_named_where_it_is(tmp_path, gate, option):
    journal, moved = tmp_path / "run.jsonl", tmp_path / "elsewhere.jsonl"
    record = (option,) if option == "--no-record" else (option, str(tmp_path / "runs"))
    steps = trainer("send:3", "print:begun", f"read:{gate.path}", "leave")
    with RunningWorker("--no-page", *record, "--journal", str(journal), "--", *steps) as worker:
        worker.wait_for("begun")
        assert settled(partial(holds, journal, "begun"))
        journal.rename(moved)
        if option == "--runs-folder":
            shutil.rmtree(tmp_path / "runs")
        gate.open()
        assert worker.ends() == 0, worker.output
        assert worker.leaves_nothing()
    assert f"--replay {moved}" in worker.output
    assert f"--replay {journal}" not in worker.output
    assert holds(moved, '\\"ended\\"')


def holds(file: Path, text: str) -> bool:
    return file.exists() and text in file.read_text()


def precious(folder: Path) -> Path:
    """A folder of somebody's, whose files have the names of a run's."""
    folder.mkdir()
    for name in (*FILES, "summary.json", *(f"{name}.new" for name in FILES)):
        (folder / name).write_text("precious")
    return folder


def is_untouched(folder: Path) -> bool:
    return {file.read_text() for file in folder.iterdir()} == {"precious"} and all(
        (folder / name).exists() for name in FILES
    )


def removed(folder: Path) -> None:
    shutil.rmtree(folder)


def a_file(folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    folder.write_text("a file")


def a_link(folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    folder.symlink_to(precious(folder.parent.parent / "precious"))


@pytest.mark.parametrize("change", [removed, a_file, a_link])
def test_a_folder_that_is_not_there_any_more_is_said_once(change, tmp_path, new_gate):
    said = said_of_a_run(tmp_path, new_gate, change, "the run's folder is not written any more")
    assert said.count("the run's folder is not written any more: ") == 1
    assert "has been removed, moved or replaced" in said
    assert "--replay" not in said
    assert "it was not kept: " in said
    if change is a_link:
        assert is_untouched(tmp_path / "precious")


def test_no_file_of_a_run_is_written_through_a_link(tmp_path, new_gate):
    others = precious(tmp_path / "precious")

    def links(folder: Path) -> None:
        for name in ("output.log", "summary.json", *(f"{name}.new" for name in FILES)):
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(others / name)

    said_of_a_run(tmp_path, new_gate, links, "changed")
    (folder,) = (tmp_path / "runs").iterdir()
    assert not (folder / "exit.json").is_symlink()
    assert is_untouched(others)
