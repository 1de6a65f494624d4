"""The terminal's actor shows the run on a terminal, and as lines elsewhere."""

import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from actors.worker.outputs.terminal import spawn
from messages import (
    AttemptBegan,
    ClockTold,
    ControlStep,
    ControlTaken,
    EpochRead,
    OutputWritten,
    ReportingSummary,
    ResourcesUsed,
    RunState,
    ShowCountdown,
    ShowLine,
    ShowSummary,
    StateChanged,
    TextsForwarded,
    TextsTaken,
    TrainingReport,
    WarningGiven,
    encode_event,
    encode_report,
)
from tests.support.probe import Probe
from tests.support.recorded_runs import recorded_run
from tests.support.waiting import PATIENCE, settled

SUMMARY = ReportingSummary(received=1234, forwarded=1200, failed=30, undecodable=4)
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    """A terminal's actor and what it has written."""

    def __init__(self, *, terminal: bool, width: int, quiet: bool, **options: Any) -> None:
        self.file, self.errors = io.StringIO(), io.StringIO()
        console = Console(
            file=self.file,
            width=width,
            height=50,
            force_terminal=terminal,
            color_system="standard" if terminal else None,
            _environ={"TERM": "xterm"},  # not that of whoever runs the tests
            quiet=quiet,
        )
        errors = Console(file=self.errors)
        self.actor = spawn(console=console, errors=errors, parent=Probe(), **options)

    def after(self, *messages: Any) -> str:
        """All that has been written when ``messages`` have been shown and the actor has ended."""
        for message in messages:
            self.actor.tell(message)
        self.actor.stop(timeout=PATIENCE)
        return self.file.getvalue()


@pytest.fixture
def screens() -> Iterator[Any]:
    """Makes screens, and ends them after the test."""
    made: list[Screen] = []

    def make(
        *, terminal: bool = False, width: int = 80, quiet: bool = False, **options: Any
    ) -> Screen:
        made.append(Screen(terminal=terminal, width=width, quiet=quiet, **options))
        return made[-1]

    yield make
    for screen in made:
        screen.actor.stop(timeout=PATIENCE)


def texts(*messages: Any) -> TextsForwarded:
    """Reports, and events, as a client receives them."""
    found = (m if isinstance(m, str) else encode_event(m) for m in messages)
    return TextsForwarded(texts=tuple(map(encode_report, found)), reply_to=Probe())


def output(*lines: str) -> TextsForwarded:
    return texts(OutputWritten(lines=lines))


def training(epochs: int | None) -> TextsForwarded:
    return texts(StateChanged(state=RunState.TRAINING, text="begins", epochs=epochs))


RUN = texts(
    '{"event": "train_begin"}',
    '{"event": "epoch_begin", "epoch": 0}',
    '{"event": "batch_end", "logs": {"loss": 0.75}}',
    '{"event": "batch_end", "logs": {"loss": 0.5}}',
    '{"event": "epoch_end", "logs": {"train/loss": 0.625, "val/loss": 0.375}}',
    '{"event": "epoch_begin", "epoch": 1}',
    '{"event": "batch_end", "logs": {"loss": 0.25}}',
    '{"event": "epoch_end", "logs": {"train/loss": 0.125}}',
    '{"event": "train_end"}',
)


def rows(table: str) -> list[list[str]]:
    """The cells of a table's rows."""
    lines = [_STYLE.sub("", line) for line in table.splitlines()]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]


def test_what_the_run_tells_is_lines_in_the_order_in_which_they_came(screens):
    shown = screens().after(
        ShowLine(text="the link"),
        texts(
            StateChanged(state=RunState.WAITING, text="begin"),
            OutputWritten(lines=("one", "", "two")),
            ControlTaken(command="stop", by="bob", step=ControlStep.SENT, text="asked"),
            WarningGiven(text="careful"),
            TrainingReport(outcome="completed", text="the end"),
            StateChanged(state=RunState.ENDED, text="the end"),
        ),
    )
    assert shown == "the link\nbegin\none\n\ntwo\nasked\nwarning: careful\nthe end\n"


def test_however_many_lines_of_output_come_at_once_are_one_print(screens, monkeypatch):
    prints: list[Any] = []
    print_ = Console.print
    monkeypatch.setattr(Console, "print", lambda *a, **k: (prints.append(a), print_(*a, **k)))
    lines = ["", "\x1b[31mred\x1b[0m", *(f"[b]{number}" for number in range(1_000)), "\x07"]
    assert screens().after(output(*lines), output()).split("\n") == [
        *("", "red"),
        *lines[2:-1],
        *("", ""),
    ]
    assert len(prints) == 1


def test_texts_are_answered_when_they_have_been_shown(screens):
    screen, message = screens(), output("one")
    screen.after(message)
    message.reply_to.expect(TextsTaken())


def test_who_stops_from_the_terminal_is_told_how_to_end_it_at_once(screens):
    taken = ControlTaken(command="stop", by="terminal", step=ControlStep.SENT, text="asked")
    assert screens().after(texts(taken)) == "asked; Ctrl-C again ends it at once\n"
    assert "Ctrl-C again" in screens().after(texts(replace(taken, step=ControlStep.HELD)))


def test_a_failure_is_shown_with_its_advice(screens):
    report = TrainingReport(outcome="failed", text="it broke", advice="mend it")
    assert screens().after(texts(report)) == "error: it broke\n  mend it\n"


def test_what_a_quiet_screen_shows_is_what_went_wrong_and_elsewhere(screens):
    screen = screens(quiet=True)
    failed = TrainingReport(outcome="failed", text="it broke", advice="mend it")
    shown = screen.after(output("one"), RUN, texts(WarningGiven(text="careful"), failed))
    assert shown == ""
    assert screen.errors.getvalue() == "warning: careful\nerror: it broke\n  mend it\n"


def test_on_a_terminal_the_trainers_progress_bar_and_what_it_uses_stand_below_the_lines(screens):
    used = ResourcesUsed(
        percent=150.4, memory=2_000_000_000, memory_total=8_000_000_000, cores=4, processes=3
    )
    screen = screens(terminal=True)
    shown = screen.after(texts(OutputWritten(changing="50% done"), used))
    assert "50% done" in _STYLE.sub("", shown)
    assert "CPU 150 %  memory 2.0 GB" in _STYLE.sub("", shown)


def test_on_a_terminal_all_lines_of_a_changing_block_are_shown(screens):
    screen = screens(terminal=True)
    shown = _STYLE.sub("", screen.after(texts(OutputWritten(changing="outer 10%\n\ninner 50%"))))
    assert re.search(r"outer 10%\s*\n\s*\n\s*inner 50%", shown)


def test_without_a_terminal_a_progress_bar_shows_nothing_but_its_last_line(screens):
    shown = screens().after(texts(OutputWritten(changing="50%"), OutputWritten(lines=("100%",))))
    assert shown == "100%\n"


def test_what_a_replayed_epoch_took_is_counted_by_the_runs_own_clock(screens):
    begin, end = '{"event": "epoch_begin", "epoch": 0}', '{"event": "epoch_end", "epoch": 0}'
    clocks = [ClockTold(time=time, position=1) for time in (1000.0, 1012.5)]
    screen = screens(has_tables=True)
    shown = screen.after(texts(clocks[0], begin, clocks[1], end), ShowSummary(summary=None))
    assert rows(shown)[0][4] == "12.5"


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    "text", ["[bold]x[/bold]", "[/]", "[red", ":smile:", "[link=x]y", r"\[", "tcp://[::1]:9001"]
)
def test_markup_in_a_text_is_shown_as_it_is(screens, terminal, text):
    shown = screens(terminal=terminal).after(output(text), ShowLine(text=text))
    assert _STYLE.sub("", shown).count(text) == 2


def test_a_long_line_is_not_broken(screens):
    line = "word " * 100 + "end"
    assert screens(width=40).after(output(line)) == line + "\n"


def test_ansi_colours_of_the_output_are_left_out_where_there_is_no_terminal(screens):
    line = "\x1b[31mred\x1b[0m and \x1b[1;38;5;200mbright\x1b[0m"
    assert screens().after(output(line)) == "red and bright\n"


def test_ansi_colours_of_the_output_are_kept_on_a_terminal(screens):
    shown = screens(terminal=True).after(output("\x1b[31mred\x1b[0m plain"))
    assert re.search(r"\x1b\[[0-9;]*31mred", shown)
    assert "red plain" in _STYLE.sub("", shown)


@pytest.mark.parametrize("terminal", [True, False])
def test_cursor_movements_of_the_output_are_left_out(screens, terminal):
    line = "\x1b[A\x1b[2K\x1b[10;10Hloss\x1b[?25h 0.5\x07\x08"
    shown = screens(terminal=terminal).after(output(line))
    assert "loss 0.5" in _STYLE.sub("", shown)
    assert "\x1b[10;10H" not in shown
    assert "\x07" not in shown


def test_without_a_terminal_each_epoch_is_a_line_when_it_ends(screens):
    shown = screens().after(training(2), RUN)
    assert shown.splitlines() == [
        "begins",
        "epoch 1/2: 2 batches  loss 0.625  val 0.375",
        "epoch 2/2: 1 batch  loss 0.125  val -",
    ]


def test_the_number_of_epochs_is_shown_only_where_it_is_known(screens):
    assert screens().after(RUN).startswith("epoch 1: 2 batches")


def test_on_a_terminal_the_epoch_has_a_bar_and_is_a_line_when_it_ends(screens):
    shown = _STYLE.sub("", screens(terminal=True).after(training(2), RUN))
    assert "epoch 1/2: 2 batches  loss 0.625  val 0.375" in shown
    assert "epoch 2/2: 1 batch  loss 0.125  val -" in shown


def test_a_terminal_gets_its_cursor_back(screens):
    shown = screens(terminal=True).after(RUN)
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_the_table_of_the_run_has_a_row_for_each_epoch(screens):
    shown = screens(has_tables=True).after(RUN, ShowSummary(summary=None))
    first, second = rows(shown)
    assert first[:4] == ["1", "2", "0.625", "0.375"]
    assert second[:4] == ["2", "1", "0.125", "-"]
    assert re.fullmatch(r"\d+\.\d", first[4])


def test_the_table_of_the_counts_has_the_reporters_and_the_clients(screens):
    shown = screens(has_tables=True).after(RUN, ShowSummary(summary=SUMMARY))
    counts = [row for row in rows(shown) if len(row) == 2]
    assert counts == [
        ["received from the trainer", "1234"],
        ["forwarded to the client", "1200"],
        ["failed", "30"],
        ["undecodable", "4"],
        ["received by the client", "9"],
        ["batch_end", "3"],
        ["epoch_begin", "2"],
        ["epoch_end", "2"],
        ["train_begin", "1"],
        ["train_end", "1"],
    ]


def test_counts_that_are_not_known_are_not_shown(screens):
    shown = screens(has_tables=True).after(ShowSummary(summary=ReportingSummary(is_complete=False)))
    assert shown.count("not known") == 4


def test_a_run_without_reports_has_no_table(screens):
    assert screens(has_tables=True).after(ShowSummary(summary=None)) == ""
    shown = screens(has_tables=True).after(ShowSummary(summary=SUMMARY))
    assert "The run" not in shown
    assert "Reports" in shown


END = TrainingReport(
    outcome="completed", text="the end", checkpoints=("models/last.ckpt", "models/best.ckpt")
)


def test_the_end_of_a_run_is_what_whoever_waited_for_it_wants_to_know(screens):
    again = ShowSummary(summary=SUMMARY, again="run_worker.py --replay run.jsonl")
    shown = screens().after(training(7), RUN, texts(END), again).partition("the end\n")[2]
    assert [line.split(maxsplit=1) for line in shown.replace("best epoch", "best").splitlines()][
        :3
    ] == [
        ["outcome", "finished"],
        ["epochs", "2 of 7 in 0.0 s"],
        ["best", "1, validation loss 0.375"],
    ]
    assert "model        models/best.ckpt\n" in shown
    assert shown.endswith("see it again run_worker.py --replay run.jsonl\n")
    assert "│" not in shown


def test_epochs_that_were_not_reported_are_told_from_those_that_were(screens):
    later = texts(
        '{"event": "train_begin"}',
        '{"event": "epoch_begin", "epoch": 0}',
        '{"event": "epoch_end", "epoch": 0, "logs": {"train/loss": 0.9, "val/loss": 0.9}}',
        '{"event": "epoch_begin", "epoch": 89}',
        '{"event": "epoch_end", "epoch": 89, "logs": {"train/loss": 0.5, "val/loss": 0.5}}',
    )
    shown = screens().after(training(90), later, ShowSummary(summary=SUMMARY))
    assert "epochs       2 of 90 reported, the last is 90; nothing came of 2 to 89\n" in shown
    assert "best epoch   90, " in shown


def test_epochs_of_which_nothing_came_are_named(screens):
    numbers = (0, 1, 3, 7, 8)
    ends = texts(*(f'{{"event": "epoch_end", "epoch": {number}}}' for number in numbers))
    begin = texts('{"event": "epoch_begin", "epoch": 0}')
    shown = screens().after(training(20), begin, ends, ShowSummary(summary=SUMMARY))
    assert "epochs       5 of 20 reported, the last is 9; nothing came of 3, 5 to 7\n" in shown


def test_the_best_epoch_is_that_of_the_last_model_of_a_pipeline(screens):
    second = texts(
        '{"event": "train_begin"}',
        '{"event": "epoch_begin", "epoch": 0}',
        '{"event": "epoch_end", "logs": {"train/loss": 0.9, "val/loss": NaN}}',
    )
    shown = screens().after(RUN, second, ShowSummary(summary=SUMMARY))
    assert "models       2; this is the last one:" in shown
    assert "best epoch   1, training loss 0.9\n" in shown


def test_the_models_of_a_pipeline_are_named_each_with_its_best_checkpoint(screens):
    checkpoints = tuple(
        f"models/{model}/{name}.ckpt"
        for model in ("centered_instance", "centroid")
        for name in ("last", "best")
    )
    report = TrainingReport(outcome="completed", text="the end", checkpoints=checkpoints)
    shown = screens().after(RUN, RUN, texts(report), ShowSummary(summary=SUMMARY))
    assert "model        models/centered_instance/best.ckpt\n" in shown
    assert "before it    models/centroid/best.ckpt\n" in shown
    assert "before it" not in screens().after(RUN, texts(report), ShowSummary(summary=SUMMARY))


def test_of_an_epoch_of_the_trainers_own_log_the_losses_are_told_that_are_known(screens):
    read = (EpochRead(epoch=2, train_loss=0.5, val_loss=0.25), EpochRead(epoch=3, val_loss=0.125))
    assert screens().after(texts(*read)) == (
        "epoch 3: loss 0.5  val 0.25, as the trainer's own log has it\n"
        "epoch 4: val 0.125, as the trainer's own log has it\n"
    )


def test_a_training_that_went_well_and_reported_no_epoch_is_told_so(screens):
    end = texts(TrainingReport(outcome="completed", text="the end"))
    assert "epochs       none was reported\n" in screens().after(end, ShowSummary(summary=SUMMARY))
    assert "reported" not in screens().after(end, ShowSummary(summary=None))  # nobody listened


def test_a_count_of_epochs_says_from_which_on_it_counts(screens):
    heard = [
        {"event": event, "epoch": number, "logs": {}}
        for number in (7, 8)
        for event in ("epoch_begin", "epoch_end")
    ]
    shown = screens().after(texts(*map(json.dumps, heard)), ShowSummary(summary=SUMMARY))
    assert re.search(r"^epochs       2 in [\d.]+ s, from epoch 8 on$", shown, re.MULTILINE)


def test_a_further_attempt_is_no_further_model(screens):
    again = texts(AttemptBegan(number=2, text="attempt 2"))
    shown = screens().after(RUN, again, RUN, ShowSummary(summary=SUMMARY))
    assert "models  " not in shown


def test_a_run_that_failed_ends_with_its_cause(screens):
    failed = TrainingReport(outcome="failed", text="it broke", cause="no space is left")
    shown = screens().after(texts(failed), ShowSummary(summary=None, again="again"))
    assert shown.endswith("outcome      failed\ncause        no space is left\n")


@pytest.mark.parametrize(
    ("loss", "words"),
    [(4.1e-07, "4.1e-07"), (0.000123456, "0.0001235"), (12.5, "12.5"), (0.0, "0"), (3e7, "3e+07")],
)
def test_a_loss_has_significant_digits(screens, loss, words):
    end = f'{{"event": "epoch_end", "logs": {{"train/loss": {loss}, "val/loss": {loss}}}}}'
    shown = screens().after(texts('{"event": "epoch_begin", "epoch": 0}', end))
    assert shown == f"epoch 1: 0 batches  loss {words}  val {words}\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_replay_looks_like_a_recording_and_not_like_a_run_that_goes_on(screens, terminal):
    asked = ControlTaken(command="stop", by="terminal", step=ControlStep.SENT, text="asked")
    unfinished = texts(
        ClockTold(time=1e9, position=1),
        asked,
        '{"event": "epoch_begin", "epoch": 0}',
        OutputWritten(changing="50%"),
    )
    screen = screens(terminal=terminal, is_replay=True)
    shown = _STYLE.sub("", screen.after(unfinished, ShowSummary(summary=None)))
    assert shown.startswith("a recording, begun 2001-09-0")
    assert "asked\n" in shown
    assert "50%" not in shown
    assert shown.endswith("outcome      not known: the recording ends before the training did\n")


def test_the_counts_of_a_run_with_an_earlier_part_say_what_they_count(screens):
    shown = screens(has_tables=True).after(RUN, ShowSummary(summary=SUMMARY, earlier=True))
    names = [row[0] for row in rows(shown) if len(row) == 2]
    assert names[:2] == ["received from the trainer by this worker", names[1]]
    assert names[1].endswith(" by this worker")
    assert "received by the client, with the earlier part" in names


@pytest.mark.parametrize("terminal", [True, False])
def test_a_recorded_run_is_shown_whole(screens, terminal):
    messages = recorded_run("sleap_nn_full_run")
    screen = screens(terminal=terminal, width=120, has_tables=True)
    shown = _STYLE.sub("", screen.after(texts(*messages), ShowSummary(summary=SUMMARY)))
    epochs = [row for row in rows(shown) if len(row) == 5]
    assert [(row[0], row[1]) for row in epochs] == [(str(number), "40") for number in range(1, 11)]
    ends = [json.loads(message) for message in messages if '"epoch_end"' in message]
    assert [row[3] for row in epochs] == [f"{end['logs']['val/loss']:.4g}" for end in ends]
    assert ["received by the client", str(len(messages))] in rows(shown)


@pytest.mark.parametrize("event", ["[bold]", "[/]", "[red]x", ":smile:"])
def test_markup_in_the_name_of_an_event_is_shown_as_it_is(screens, event):
    screen = screens(has_tables=True)
    shown = screen.after(texts(f'{{"event": "{event}"}}'), ShowSummary(summary=SUMMARY))
    assert [event, "1"] in rows(shown)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    "message",
    [
        "no json",
        '{"what": "__meta__", "event": "output", "lines": 5}',
        '{"event": "epoch_begin", "epoch": -7}',
        '{"event": "epoch_begin", "epoch": true}',
        '{"event": "batch_end", "logs": {"loss": NaN}}',
        '{"event": "epoch_end", "logs": {"val/loss": Infinity}}',
        '{"event": "epoch_end", "logs": {"val/loss": 1' + "0" * 400 + "}}",
    ],
)
def test_a_report_of_any_content_does_not_end_the_show(screens, terminal, message):
    begin = '{"event": "epoch_begin", "epoch": 0}'
    shown = screens(terminal=terminal).after(texts(begin, message), ShowLine(text="goes on"))
    assert "goes on" in shown


def test_a_terminal_counts_down_until_the_training_is_killed(screens):
    soon = StateChanged(state=RunState.CANCELLING, text="ending", kill_at=time.time() + 600)
    screen = screens(terminal=True)
    screen.actor.tell(texts(soon))
    assert settled(lambda: "KILL in " in screen.file.getvalue())


def test_a_terminal_counts_down_until_the_page_closes(screens):
    screen = screens(terminal=True)
    screen.actor.tell(ShowCountdown(text="the page closes in", at=time.monotonic() + 600))
    assert settled(lambda: "the page closes in 5" in screen.file.getvalue())
