"""The terminal's actor shows the run on a terminal, and as lines elsewhere."""

import re
import time
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from messages import (
    ClockTold,
    ControlStep,
    ControlTaken,
    EpochRead,
    OutputWritten,
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
)
from tests.support.screens import RUN, rows, texts, training, unstyled
from tests.support.waiting import settled


def output(*lines: str) -> TextsForwarded:
    return texts(OutputWritten(lines=lines))


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


def test_a_line_that_has_its_place_in_the_run_stands_there(screens):
    shown = screens().after(
        ShowLine(text="behind the second", after=12),
        texts(ClockTold(time=5.0, position=11), WarningGiven(text="first")),
        ShowLine(text="at once"),
        texts(ClockTold(time=6.0, position=12), WarningGiven(text="second")),
        texts(WarningGiven(text="third")),
        ShowLine(text="behind what is shown", after=7),
        ShowLine(text="at the end", after=100),
        texts(WarningGiven(text="fourth")),
    )
    assert shown.splitlines() == [
        "warning: first",
        "at once",
        "warning: second",
        "behind the second",
        "warning: third",
        "behind what is shown",
        "warning: fourth",
        "at the end",
    ]


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
    assert "50% done" in unstyled(shown)
    assert "CPU 150 %  memory 2.0 GB" in unstyled(shown)


def test_on_a_terminal_all_lines_of_a_changing_block_are_shown(screens):
    screen = screens(terminal=True)
    shown = unstyled(screen.after(texts(OutputWritten(changing="outer 10%\n\ninner 50%"))))
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
    assert unstyled(shown).count(text) == 2


def test_a_long_line_is_not_broken(screens):
    line = "word " * 100 + "end"
    assert screens(width=40).after(output(line)) == line + "\n"


def test_ansi_colours_of_the_output_are_left_out_where_there_is_no_terminal(screens):
    line = "\x1b[31mred\x1b[0m and \x1b[1;38;5;200mbright\x1b[0m"
    assert screens().after(output(line)) == "red and bright\n"


def test_ansi_colours_of_the_output_are_kept_on_a_terminal(screens):
    shown = screens(terminal=True).after(output("\x1b[31mred\x1b[0m plain"))
    assert re.search(r"\x1b\[[0-9;]*31mred", shown)
    assert "red plain" in unstyled(shown)


@pytest.mark.parametrize("terminal", [True, False])
def test_cursor_movements_of_the_output_are_left_out(screens, terminal):
    line = "\x1b[A\x1b[2K\x1b[10;10Hloss\x1b[?25h 0.5\x07\x08"
    shown = screens(terminal=terminal).after(output(line))
    assert "loss 0.5" in unstyled(shown)
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
    shown = unstyled(screens(terminal=True).after(training(2), RUN))
    assert "epoch 1/2: 2 batches  loss 0.625  val 0.375" in shown
    assert "epoch 2/2: 1 batch  loss 0.125  val -" in shown


def test_a_terminal_gets_its_cursor_back(screens):
    shown = screens(terminal=True).after(RUN)
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_of_an_epoch_of_the_trainers_own_log_the_losses_are_told_that_are_known(screens):
    read = (EpochRead(epoch=2, train_loss=0.5, val_loss=0.25), EpochRead(epoch=3, val_loss=0.125))
    assert screens().after(texts(*read)) == (
        "epoch 3: loss 0.5  val 0.25, as the trainer's own log has it\n"
        "epoch 4: val 0.125, as the trainer's own log has it\n"
    )


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
    shown = unstyled(screen.after(unfinished, ShowSummary(summary=None)))
    assert shown.startswith("a recording, begun 2001-09-0")
    assert "asked\n" in shown
    assert "50%" not in shown
    assert shown.endswith("outcome      not known: the recording ends before the training did\n")


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
