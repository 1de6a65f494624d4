"""What the terminal's actor shows of a run that is over: its end in short, and the tables."""

import json
import re

import pytest

from messages import AttemptBegan, ReportingSummary, ShowSummary, TrainingReport
from tests.support.recorded_runs import recorded_run
from tests.support.screens import RUN, SUMMARY, rows, texts, training, unstyled

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


# The tables


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
    shown = unstyled(screen.after(texts(*messages), ShowSummary(summary=SUMMARY)))
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
