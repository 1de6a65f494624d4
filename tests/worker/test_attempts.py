"""A training that is started again, as by a batch system, is a further attempt in its run."""

import json

import pytest

from tests.support.journals import messages_of
from tests.support.processes import shell
from tests.support.running_worker import RunningWorker

JOB = {"SLURM_JOB_ID": "17", "SLURM_CLUSTER_NAME": "a-cluster"}


def run_of(job: dict[str, str], *options: str, restarts: int = 0) -> RunningWorker:
    variables = {**job, **({"SLURM_RESTART_COUNT": str(restarts)} if restarts else {})}
    command = ("--", *shell("echo trained"))
    return RunningWorker("--no-page", *options, *command, variables=variables)


@pytest.mark.parametrize("has_journal", [False, True])
def test_a_requeued_job_is_a_further_attempt_in_the_same_run(folder, tmp_path, has_journal):
    options = ("--journal", str(tmp_path / "run-17.jsonl")) if has_journal else ()
    for restarts in range(3):
        with run_of(JOB, *options, restarts=restarts) as worker:
            assert worker.ends() == 0, worker.output
            assert worker.leaves_nothing()
    earlier, _, now = worker.output.partition("attempt 3: the training is started again")
    assert "the run so far:" in earlier
    assert now
    assert "another run" not in worker.output
    (run,) = folder.iterdir()
    assert (run / "output.log").read_text() == "trained\n" * 3
    events = messages_of(run / "run.jsonl")
    assert [event["number"] for event in events if event["event"] == "attempt"] == [2, 3]
    assert [event["outcome"] for event in events if event["event"] == "ended"] == ["completed"] * 3
    if has_journal:
        assert messages_of(tmp_path / "run-17.jsonl") == events


@pytest.mark.parametrize(
    "other",
    [
        {**JOB, "SLURM_JOB_ID": "18"},
        {**JOB, "SLURM_CLUSTER_NAME": "another"},
        {**JOB, "SLURM_ARRAY_TASK_ID": "2"},
        {**JOB, "SLURM_PROCID": "1"},
        {},
    ],
)
def test_another_job_is_another_run(folder, other):
    with run_of(JOB) as first, run_of(other, restarts=1) as second:
        assert (first.ends(), second.ends()) == (0, 0)
    assert len(list(folder.iterdir())) == 2
    assert "attempt" not in second.output
    assert "so far" not in second.output


def test_each_task_of_a_step_is_a_further_attempt_of_its_own_run(folder):
    tasks = [{**JOB, "SLURM_PROCID": f"{number}"} for number in range(2)]
    for restarts, order in enumerate((tasks, tasks[::-1])):
        for task in order:
            with run_of(task, restarts=restarts) as worker:
                assert worker.ends() == 0, worker.output
    runs = [json.loads((run / "run.json").read_text()) for run in folder.iterdir()]
    assert sorted((run["slurm"][-1], run["attempts"]) for run in runs) == [("0", 2), ("1", 2)]


def test_an_attempt_that_still_runs_is_not_mixed_with_the_next(folder, gate):
    command = shell("echo ready; read line < $1", gate.path)
    with RunningWorker("--no-page", "--", *command, variables=JOB) as first:
        first.wait_for("ready")
        first.kill()
        again = {**JOB, "SLURM_RESTART_COUNT": "1"}
        with RunningWorker("--no-page", "--", *command, variables=again) as second:
            second.wait_for("ready")
            assert len(list(folder.iterdir())) == 2
            gate.open()
            gate.open()
            assert second.ends() == 0, second.output
        assert first.leaves_nothing()


def test_the_same_journal_is_the_same_run_when_its_command_is(folder, tmp_path):
    journal = tmp_path / "run.jsonl"
    options = ("--no-page", "--journal", str(journal))
    for _ in range(2):
        with RunningWorker(*options, "--", "echo", "trained") as worker:
            assert worker.ends() == 0, worker.output
    assert "attempt 2" in worker.output
    before = journal.read_bytes()
    with RunningWorker(*options, "--", "echo", "something else") as worker:
        assert worker.ends() == 0, worker.output
    assert "holds another run" in " ".join(worker.output.split())
    assert "something else" in worker.output
    assert journal.read_bytes() == before
