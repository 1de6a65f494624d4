"""Requirement: ZMQ Control Socket Initialization."""

import logging
import re

from actors import ReporterSettings
from messages import SendControl
from tests.support.probe import Probe
from tests.support.reporting import start
from tests.support.trainer import StandInTrainer
from tests.support.zmq_objects import ZmqObjects


def test_start_control_socket(supervisor, caplog):
    """WHEN training job starts in GUI mode."""
    caplog.set_level(logging.INFO, "actors")
    objects = ZmqObjects()

    ready = start(supervisor)

    assert len(objects.contexts()) == 1, "create ZMQ context"
    assert len(objects.sockets("PUB")) == 1, "create PUB socket"
    assert ReporterSettings().control_address == "tcp://127.0.0.1:9000"
    assert re.fullmatch(r"tcp://127\.0\.0\.1:[1-9]\d*", ready.control_address)
    assert "ZMQ control socket initialized" in caplog.messages
    with StandInTrainer(control_address=ready.control_address) as trainer:  # it is bound
        for command in ("first", "second"):
            supervisor.tell(SendControl(command=command, reply_to=Probe()))
            assert trainer.command() == command
    assert len(objects.sockets("PUB")) == 1, "store socket for message publishing"
