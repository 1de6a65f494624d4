"""The benchmarks' command line offers what is measured, and nothing is measured that it hides."""

import inspect
import pkgutil
from importlib import import_module

import pytest

from benchmarks import measures
from benchmarks.__main__ import parser
from benchmarks.measures import MEASURES


def functions() -> set[object]:
    """All that takes a subject and an effort, in the files of the measurements."""
    files = (
        import_module(each.name)
        for each in pkgutil.iter_modules(measures.__path__, f"{measures.__name__}.")
    )
    return {
        function
        for file in files
        for name, function in inspect.getmembers(file, inspect.iscoroutinefunction)
        if not name.startswith("_")
        and list(inspect.signature(function).parameters) == ["subject", "effort"]
    }


def test_the_table_has_every_measurement_once():
    taken = [measure.take for measure in MEASURES.values()]
    assert len(taken) == len(set(taken))
    assert set(taken) == functions()


@pytest.mark.parametrize("name", MEASURES)
def test_each_is_chosen_by_its_name(name):
    assert parser().parse_args(["--only", name]).only == [name]
    assert MEASURES[name].subjects[0] == measures.OURS
    assert MEASURES[name].rounds >= 1


def test_whoever_names_another_one_is_told_all(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["--only", "nothing"])
    said = capsys.readouterr().err
    assert [name for name in MEASURES if name not in said] == []


def test_the_help_names_all():
    assert ", ".join(MEASURES) in " ".join(parser().format_help().split())
