"""Who is told of a run, and what is kept of it in short: the complete worker."""

import json
import os
from pathlib import Path

from actors.worker.outputs import RunFacts, Runs
from tests.support.processes import shell
from tests.support.recorded_runs import recorded_run
from tests.support.running_worker import RunningWorker
from tests.support.visits import sends


def events_of(told: Path) -> list[dict]:
    return [json.loads(line) for line in told.read_text().splitlines()]


def listed() -> str:
    with RunningWorker("--runs", ports=()) as worker:
        assert worker.ends() == 0
    return worker.output


def test_a_run_that_has_ended_is_told_with_its_best_loss_and_without_a_token(folder, tmp_path):
    run = recorded_run("sleap_nn_full_run")
    told, token = tmp_path / "told", "a-token-of-24-characters"
    command = f"env > '{tmp_path}/variables'; cat >> '{told}'"
    options = ("--port", "0", "--notify-command", command)
    variables = {"SLEAP_PROGRESS_TOKEN": token}
    with RunningWorker(*options, "--", *sends(tmp_path, run), variables=variables) as worker:
        assert worker.ends() == 0
        assert token in worker.output
    (event,) = events_of(told)
    (kept,) = folder.iterdir()
    ends = [json.loads(message)["logs"] for message in run if '"epoch_end"' in message]
    best = min(end["val/loss"] for end in ends)
    assert (event["event"], event["outcome"]) == ("finished", "finished")
    assert (event["epochs"], event["best_loss"]) == (10, best)
    assert event["run"] == kept.name
    assert event["see_again"].endswith(f"--replay={kept.name}")
    assert event["link"].startswith("http://127.0.0.1:")
    assert token not in told.read_text()
    assert token not in (tmp_path / "variables").read_text()
    summary = json.loads((kept / "summary.json").read_text())
    assert (summary["outcome"], summary["best_loss"]) == ("completed", best)
    row = next(line for line in listed().splitlines() if kept.name in line)
    assert row.split()[3:5] == ["finished", "10"]
    assert f"see it again {event['see_again']}" in worker.output


def test_a_failure_is_told_with_its_cause_and_a_broken_command_ends_nothing(folder, tmp_path):
    told = tmp_path / "told"
    command = f"cat >> '{told}'; echo no service >&2; exit 9"
    script = "echo 'RuntimeError: CUDA out of memory'; exit 1"
    with RunningWorker("--no-page", "--notify-command", command, "--", *shell(script)) as worker:
        assert worker.ends() == 1
    (event,) = events_of(told)
    assert (event["event"], event["cause"]) == ("failed", "the GPU ran out of memory")
    assert event["advice"]
    assert event["link"] == ""
    assert " ".join(worker.output.split()).count("--notify-command failed") == 1
    assert "failed" in listed()


def test_a_run_that_lives_is_listed_with_its_link_and_no_file_of_others_has_the_token(folder, gate):
    with RunningWorker("--port", "0", "--", *shell("read line < $1", gate.path)) as worker:
        link = worker.link()
        worker.wait_for("training started")
        (run,) = folder.iterdir()
        text = listed()
        assert link in text.split()
        assert " runs " in text
        token = link.partition("token=")[2]
        for path in run.rglob("*"):
            if path.is_file() and token in path.read_text(errors="replace"):
                assert path.name == "live.json"
                assert path.stat().st_mode & 0o077 == 0
        gate.open()
        assert worker.ends() == 0
    assert link not in listed()


def test_of_a_run_without_a_summary_the_end_of_its_journal_is_read(tmp_path):
    runs = Runs(tmp_path)
    run = runs.begin(RunFacts(began=1e9, host=os.uname().nodename, title="a training"))
    messages = [
        {"what": "", "event": "epoch_end", "epoch": epoch, "logs": {"val/loss": 1, "x": "y" * 900}}
        for epoch in range(200)
    ]
    messages.append({"what": "__meta__", "event": "ended", "outcome": "failed", "text": "it ended"})
    with run.journal.open("w") as file:
        for number, message in enumerate(messages, 1):
            fields = {"sequence": number, "time": 1e9, "message": json.dumps(message)}
            file.write(f"{json.dumps(fields)}\n")
        file.write('{"sequence": 9')
    summary = run.summary
    assert (summary.outcome, summary.epochs, summary.best_loss) == ("failed", 200, None)
    (run.folder / "summary.json").write_text('{"outcome": 7}')
    assert run.summary == summary
    run.write_summary(summary)
    assert run.summary == summary
    run.journal.unlink()
    (run.folder / "summary.json").unlink()
    assert run.summary.outcome == ""
