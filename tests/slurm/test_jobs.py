"""Jobs of a real SLURM: signals, time limits, requeued jobs, arrays and chains of jobs."""

import pytest

from tests.support.slurm import job_script
from tests.support.waiting import settled

pytestmark = pytest.mark.slurm


def test_the_documents_job_script_runs_and_its_link_is_in_the_output(cluster, project, monkeypatch):
    monkeypatch.setenv("EPOCHS", "3")
    job = cluster.submit(job_script(), folder=project)
    assert "http://127.0.0.1:" in job.wait_for("watch and stop it at ")
    assert (job.ends(), job.exit) == ("COMPLETED", (0, 0)), job.output
    assert settled(lambda: not job.processes())
    assert "epoch 3" in job.output


def test_before_the_time_is_up_the_training_is_stopped_and_saves(cluster, project):
    # A minute is the shortest limit; 50 seconds before its end is soon.
    options = ("--time=1", "--signal=B:INT@50")
    job = cluster.submit(job_script(), *options, folder=project)
    assert (job.ends(), job.exit) == ("COMPLETED", (0, 0)), job.output
    assert "stopped early" in job.output
    assert settled(lambda: not job.processes())


def test_a_signal_to_all_processes_of_its_step_ends_nothing(cluster, project):
    # Without B: it goes to the job's steps, which srun starts.
    script = job_script().replace("exec ", "exec srun ")
    job = cluster.submit(script, "--time=1", "--signal=USR1@50", folder=project)
    job.wait_for("SIGUSR1 has been heard")
    job.wait_for("SIGUSR1 has come: this worker does not end the training")
    before = job.output.count("batches")
    assert settled(lambda: job.output.count("batches") > before + 5), job.output
    cluster.run("scancel", str(job))
    assert job.ends() == "CANCELLED", job.output
    assert settled(lambda: not job.processes())


def test_a_signal_that_is_to_stop_it_stops_it(cluster, project):
    script = job_script().replace("--any-port", "--stop-on USR1 --any-port")
    job = cluster.submit(script, folder=project)
    job.wait_for("epoch 2")
    cluster.run("scancel", "--full", "--signal=USR1", str(job))
    assert (job.ends(), job.exit) == ("COMPLETED", (0, 0)), job.output
    assert "stopped early" in job.output
    assert settled(lambda: not job.processes())


def test_scancel_ends_all_of_it(cluster, project):
    job = cluster.submit(job_script(), folder=project)
    job.wait_for("epoch 2")
    cluster.run("scancel", str(job))
    assert job.ends() == "CANCELLED", job.output
    assert settled(lambda: not job.processes())
    assert "cancelled" in job.output


def test_a_job_that_is_killed_leaves_nothing(cluster, project):
    job = cluster.submit(job_script(), folder=project)
    job.wait_for("epoch 2")
    cluster.run("scancel", "--signal=KILL", "--full", str(job))
    assert job.ends() in ("FAILED", "CANCELLED"), job.output
    assert settled(lambda: not job.processes())


def test_a_requeued_job_trains_again_as_a_further_attempt_of_its_run(cluster, project, monkeypatch):
    monkeypatch.setenv("EPOCHS", "40")
    job = cluster.submit(job_script(), "--open-mode=append", folder=project)
    job.wait_for("epoch 2")
    cluster.run("scontrol", "requeue", str(job))
    assert settled(lambda: job.output.count("watch and stop it at ") == 2, 180), job.output
    assert (job.ends(), job.exit) == ("COMPLETED", (0, 0)), job.output
    assert settled(lambda: not job.processes())
    assert len(list((project / "runs").iterdir())) == 1


def test_three_jobs_of_an_array_share_a_node(cluster, project, monkeypatch):
    monkeypatch.setenv("EPOCHS", "30")
    script = job_script().replace("slurm-$SLURM_JOB_ID", "x")
    array = cluster.submit(script, "--array=1-3", folder=project)
    jobs = [array.task(number) for number in (1, 2, 3)]
    links = {job.wait_for("watch and stop it at ") for job in jobs}
    assert len(links) == 3
    for job in jobs:
        assert (job.ends(), job.exit) == ("COMPLETED", (0, 0)), job.output
    assert len(list((project / "runs").iterdir())) == 3


def test_what_is_to_follow_a_good_end_does_not_follow_a_cancelled_run(cluster, project):
    job = cluster.submit(job_script(), folder=project)
    after = cluster.submit("#!/bin/sh\necho ran\n", f"--dependency=afterok:{job}", folder=project)
    job.wait_for("epoch 2")
    cluster.run("scancel", "--batch", "--signal=TERM", str(job))
    assert (job.ends(), job.exit) == ("FAILED", (143, 0)), job.output
    assert settled(lambda: after.state in ("PENDING", "CANCELLED"))
    assert settled(lambda: after.reason == "DependencyNeverSatisfied"), after.reason
    assert settled(lambda: not job.processes())
