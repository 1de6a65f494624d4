"""A run as one file: what is in it, and what is said where it cannot be made."""

import json

import pytest

from actors.worker import PlanError, export


def entry(number, message):
    return json.dumps({"sequence": number, "time": 1e9 + number, "message": message})


def test_no_text_of_a_run_ends_the_script_that_it_stands_in(tmp_path):
    journal, page = tmp_path / "run.jsonl", tmp_path / "run.html"
    event = json.dumps({"what": "", "event": "</script><script>alert(1)</script>"})
    journal.write_text(entry(1, event))
    export(journal, page)
    text = page.read_text()
    assert "alert(1)" in text
    assert "</script><script>alert" not in text
    kept = text.partition('id="kept-run">')[2].partition("</script>")[0]
    assert json.loads(kept)["digest"]["position"] == 1


def test_nothing_is_beside_the_file(tmp_path):
    journal, page = tmp_path / "run.jsonl", tmp_path / "run.html"
    journal.write_text(entry(1, "a report"))
    export(journal, page)
    text = page.read_text()
    assert ' src="' not in text
    assert "stylesheet" not in text
    modules = text.partition('<script type="importmap">')[2].partition("</script>")[0]
    assert "viewer.js" in json.loads(modules)["imports"]


@pytest.mark.parametrize("what", ["missing", "empty", "no place"])
def test_what_cannot_be_exported_is_said(tmp_path, what):
    journal, page = tmp_path / "run.jsonl", tmp_path / "run.html"
    if what != "missing":
        journal.write_text(entry(1, "a report") if what == "no place" else "")
    if what == "no place":
        page = tmp_path / "none" / "run.html"
    with pytest.raises(PlanError, match=r"cannot be read|is empty|cannot be written"):
        export(journal, page)
    assert not page.exists()


def test_an_exported_run_is_written_over(tmp_path):
    journal, page = tmp_path / "run.jsonl", tmp_path / "run.html"
    journal.write_text(entry(1, "a report"))
    export(journal, page)
    journal.write_text(entry(1, "another report"))
    export(journal, page)
    assert "another report" in page.read_text()


def test_a_file_that_is_none_stays_as_it_is(tmp_path):
    journal, other = tmp_path / "run.jsonl", tmp_path / "labels.json"
    journal.write_text(entry(1, "a report"))
    other.write_text("of somebody's")
    with pytest.raises(PlanError, match="is there already"):
        export(journal, other)
    assert other.read_text() == "of somebody's"
