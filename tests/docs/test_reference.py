"""The programs in the documents run, and the tables of the reference name what is there."""

import dataclasses
import enum
import re
import subprocess
import sys
from typing import get_args

import pytest

import messages
from actors import ReporterSettings
from actors.worker.outputs.run_record import KNOWN_EVENTS
from messages import AddedToLog, ControlReply, ReporterStatus, SwitchAnswer
from tests.support.documents import page, section, snippets
from tests.support.paths import ROOT
from tests.support.running_worker import RunningWorker
from tests.support.waiting import PATIENCE

PORT = r"tcp://127\.0\.0\.1:\d+\n"


@pytest.mark.parametrize(
    ("number", "prints"),
    [
        (0, f"start the trainer: it connects to {PORT}reports received: 0\n"),
        (1, f"start the trainer: its commands come from {PORT}"),
        (2, ""),
    ],
    ids=["a Pykka worker", "asyncio code", "in place of sleap-rtc's"],
)
def test_the_programs_run_as_they_stand(tmp_path, number, prints):
    script = tmp_path / "example.py"
    script.write_text(snippets(ROOT / "docs" / "embedding.md")[number])
    run = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert re.fullmatch(prints, run.stdout)


def test_a_trainer_of_your_own_is_shown_as_the_reference_says(tmp_path):
    script = tmp_path / "my_training.py"
    (program,) = snippets(ROOT / "docs" / "reference.md")
    script.write_text(program)
    command = (sys.executable, str(script), "{control_port}", "{progress_port}")
    with RunningWorker("--no-page", "--no-record", "--", *command) as worker:
        assert worker.ends() == 0, worker.output
    assert "epoch 3: 10 batches  loss 0.5  val 0.08333" in worker.output
    assert "best epoch   3, validation loss 0.08333" in worker.output
    assert "warning" not in worker.output


def test_the_events_that_the_reference_names_are_those_that_are_read():
    told = re.findall(r"^\| `(\w+)` \|", section(page("reference"), "What a trainer sends"), re.M)
    # Of the two that are added nothing is shown.
    assert {*told[1:], "batch_begin", "batch_start"} == KNOWN_EVENTS


def numbers_of(value: object) -> set[float]:
    """A default as the table writes it: plain, or in KiB or MiB."""
    assert isinstance(value, int | float)
    return {float(value), value / 1024, value / 1024**2}


def test_every_setting_is_in_the_table_with_its_default():
    rows = dict(
        re.findall(r"^\| (`.+?`) \| (.+?) \|", section(page("reference"), "Settings"), re.MULTILINE)
    )
    told = {
        name: default
        for names, defaults in rows.items()
        for name, default in zip(re.findall(r"`(\w+)`", names), defaults.split("; "), strict=True)
    }
    assert list(told) == [field.name for field in dataclasses.fields(ReporterSettings)]
    for field in dataclasses.fields(ReporterSettings):
        default, told_default = field.default, told[field.name]
        match default:
            case enum.Enum():
                assert told_default == f"`{default.name}`"
            case str():
                assert told_default == f"`{default}`"
            case _:
                number = re.match(r"[\d.,]+", told_default)
                assert number is not None, field.name
                assert float(number[0].replace(",", "")) in numbers_of(default), field.name


def test_every_message_of_the_reference_exists():
    names = set(re.findall(r"`([A-Z][A-Za-z]+)", section(page("reference"), "Messages")))
    assert len(names) > 15
    for name in names:
        assert hasattr(messages, name), name


def test_every_field_of_an_answer_is_in_the_table():
    rows = re.findall(r"^\| (`[A-Z].*?) \| (`[a-z].*?`) \|$", page("reference"), re.MULTILINE)
    told = {
        name: fields.split(", ") for names, fields in rows for name in re.findall(r"`(\w+)`", names)
    }
    told.pop("summary")
    for name, fields in told.items():
        kind = getattr(messages, name)
        assert fields == [f"`{field.name}`" for field in dataclasses.fields(kind)], name
    answers = {*get_args(SwitchAnswer), *get_args(ControlReply), AddedToLog, ReporterStatus}
    assert told.keys() >= {kind.__name__ for kind in answers}


def test_every_test_that_proves_a_promise_exists():
    named = re.findall(r"`((?:\w+/)*\w+\.py|(?:\w+/)+)`", page("promises"))
    assert len(named) > 30
    for name in named:
        assert (ROOT / "tests" / name).exists(), name
