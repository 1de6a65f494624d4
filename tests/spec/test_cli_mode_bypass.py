"""Requirement: CLI Mode Bypass."""

import os
import subprocess
import sys

from messages import JobOutcome, Phase, ReportingBypassed, ReportingStopped, ReportingSummary
from tests.support.descriptors import open_sockets
from tests.support.reporting import ask_start, status, stop
from tests.support.zmq_objects import ZmqObjects


def test_cli_training_without_gui(supervisor, loop_thread, capfd):
    """WHEN training starts with gui=False."""
    status(supervisor)
    descriptors, objects, stdout = open_sockets(), ZmqObjects(), os.fstat(1)

    assert ask_start(supervisor, gui=False) == ReportingBypassed(job_id="job-1")

    assert status(supervisor).phase is Phase.BYPASSED
    # THEN progress reporter SHALL NOT initialize ZMQ sockets
    assert objects.contexts() == []
    assert objects.sockets() == []
    assert open_sockets() == descriptors
    # AND NOT start progress listener task
    assert loop_thread.tasks() == set()
    # AND training logs stream directly via stdout
    assert os.path.samestat(os.fstat(1), stdout)
    subprocess.run([sys.executable, "-c", "print('epoch 1: loss 0.5')"], check=True)
    assert capfd.readouterr().out == "epoch 1: loss 0.5\n"

    for outcome in JobOutcome:
        assert stop(supervisor, outcome=outcome) == ReportingStopped(
            job_id="job-1", outcome=outcome, summary=ReportingSummary()
        )
        ask_start(supervisor, gui=False)
    stop(supervisor)
    assert objects.contexts() == []
