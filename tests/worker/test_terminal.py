"""The terminal's actor."""

import io

import pytest
from rich.console import Console

from actors import terminal as terminal_actor
from messages import ReportingSummary, ShowOutput, ShowReport, ShowState, ShowSummary
from tests.support.probe import PATIENCE
from tests.support.recorded_runs import recorded_run


class Shown:
    """A terminal's actor that writes into ``text``."""

    def __init__(self, *, is_terminal):
        self._file = io.StringIO()
        self.ref = terminal_actor.spawn(
            console=Console(file=self._file, force_terminal=is_terminal, width=60), epochs=10
        )

    def text(self):
        """All that was shown; the actor has ended then."""
        assert self.ref.stop(timeout=PATIENCE)
        return self._file.getvalue()


@pytest.fixture(params=[False, True], ids=["file", "terminal"])
def shown(request):
    return Shown(is_terminal=request.param)


def test_a_recorded_run_ends_in_a_table_of_its_epochs_and_counts(shown):
    messages = recorded_run("sleap_nn_full_run")
    for message in messages:
        shown.ref.tell(ShowReport(message=message))
    summary = ReportingSummary(received=len(messages), forwarded=820, failed=2)
    shown.ref.tell(ShowSummary(summary=summary))
    text = shown.text()
    assert "epoch 10/10" in text
    assert "0.00255" in text, "the last epoch's training loss"
    rows = {
        line.split("│")[1].strip(): line.split("│")[2].strip()
        for line in text.splitlines()
        if line.count("│") == 3
    }
    assert rows["received from the trainer"] == str(len(messages))
    assert (rows["forwarded to the client"], rows["failed"]) == ("820", "2")
    assert rows["received by the client"] == str(len(messages))
    assert (rows["train_begin"], rows["epoch_end"], rows["train_end"]) == ("1", "10", "1")


def test_what_is_no_report_is_counted_and_breaks_nothing(shown):
    for message in ("rubbish", "[1]", '{"event": 3}', '{"event": "batch_end"}'):
        shown.ref.tell(ShowReport(message=message))
    shown.ref.tell(ShowSummary(summary=ReportingSummary()))
    assert "other" in shown.text()


def test_the_trainers_output_is_shown_as_it_is():
    shown = Shown(is_terminal=False)
    long = "x" * 200
    shown.ref.tell(ShowOutput(lines=("[bold]not markup[/bold]", "\x1b[32mgreen\x1b[0m", long)))
    assert shown.text() == f"[bold]not markup[/bold]\ngreen\n{long}\n"


def test_a_state_is_a_line():
    shown = Shown(is_terminal=False)
    shown.ref.tell(ShowState(text="listening on [::1]:9001"))
    assert shown.text() == "listening on [::1]:9001\n"


def test_without_reports_there_is_no_table():
    shown = Shown(is_terminal=False)
    shown.ref.tell(ShowSummary(summary=None))
    assert shown.text() == ""
