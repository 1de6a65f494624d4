"""The limits, names and lines that stand in the running text are those of the code."""

import re

import pytest

from actors import ControlEncoding, ReporterSettings
from actors.client_channel import text_limit
from actors.control_socket import allowed
from actors.worker import plan, silence
from actors.worker.options import DEFAULT_PORT
from actors.worker.viewer import connections
from benchmarks.measures import MEASURES
from tests.support.documents import page, section
from tests.support.paths import ROOT

SETTINGS = ReporterSettings()

FIGURES = [
    ("running", f"connects within {silence.CONNECT_TIMEOUT:.0f} seconds"),
    ("running", f"page stays up for {plan.DEMO_STAYS_UP:.0f} s"),
    ("running", f"`--grace` seconds ({plan.Plan().grace:.0f})"),
    ("running", f"at most {connections.MAX_OF_A_KIND} connections at once"),
    ("running", f"{connections.HEAD_TIMEOUT:.0f} s for a request"),
    ("running", f"{connections.FILE_TIMEOUT:.0f} s for a file"),
    ("runs", f"at most {plan.Plan().run_size // 1024**3} GB"),
    ("runs", f"less than {plan.SPARE // 1024**3} GB is free"),
    ("runs", f"{plan.Plan().runs_kept} runs and {plan.Plan().runs_size // 1024**3} GB are kept"),
    ("clusters", f"served on 127.0.0.1:{DEFAULT_PORT}"),
    ("embedding", f"{text_limit.TEXTS:,} texts or {text_limit.BYTES // 1024**2} MiB at once"),
    (
        "embedding",
        f"{text_limit.TEXTS_RATE:.0f} texts or {text_limit.BYTES_RATE / 1024**2:.0f} MiB",
    ),
    ("embedding", f"{SETTINGS.log_limit:,} reports"),
    ("control-encodings", f"nested more than {allowed.MAX_DEPTH} deep"),
    ("control-encodings", f"more than {allowed.MAX_BYTES // 1024} KiB"),
]


@pytest.mark.parametrize(("name", "words"), FIGURES, ids=lambda value: value[:30])
def test_a_limit_is_what_the_page_says(name: str, words: str) -> None:
    assert words in " ".join(page(name).split())


def test_the_control_encodings_are_those_there_are() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)`( \(default\))? \|", page("control-encodings"), re.MULTILINE)
    assert [name for name, _ in rows] == [encoding.name for encoding in ControlEncoding]
    assert [name for name, default in rows if default] == [SETTINGS.control_encoding.name]


def test_the_lines_that_are_printed_for_ssh_are_the_workers() -> None:
    code = (ROOT / "actors" / "worker" / "clients.py").read_text()
    text = section(page("clusters"), "SSH")
    for line in ("watch and stop it at ", "to open it on your own machine, run this there first:"):
        assert line in code
        assert f"\n    {line}" in text


def test_the_measurement_that_is_named_exists() -> None:
    named = re.findall(r"`--only ([a-z-]+)`", page("measured"))
    assert named
    assert {*named} <= {*MEASURES}


def test_the_page_waits_for_webrtc_as_long_as_it_is_said() -> None:
    code = (ROOT / "actors/worker/viewer/page/transports.js").read_text()
    wait = re.search(r"RTC_WAIT = (\d+);", code)
    assert wait is not None
    for name in ("running", "log"):
        assert f"within {int(wait[1]) // 1000} seconds" in " ".join(page(name).split())
