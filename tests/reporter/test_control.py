"""ProgressReporter: control messages to the trainer."""

import asyncio
import logging

import pytest

from actors import ControlEncoding, ProgressReporter, ReporterSettings
from tests.support.addresses import FREE_PORT
from tests.support.channel import FakeChannel
from tests.support.on_loop import got, trainer_of
from tests.support.texts import forwarded
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

STOP = '{"command": "stop"}'


@pytest.mark.parametrize("command", ["STOP", STOP, '{"command":  "stop"}', "a::b"])
async def test_a_message_is_published_as_it_is(reporter, caplog, command):
    caplog.set_level(logging.INFO)
    reporter.start_control_socket()
    with await trainer_of(reporter) as trainer:
        reporter.send_control_message(command)
        assert await asyncio.to_thread(trainer.command) == command
    await until(lambda: "Sent control message to Trainer" in caplog.text)


@pytest.mark.parametrize("message", [STOP, "", None, b"STOP", {"command": "stop"}, 7, "\ud800"])
async def test_without_a_control_socket_it_is_an_error_in_the_log_and_not_raised(
    reporter, caplog, message
):
    reporter.send_control_message(message)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "control socket is not initialized" in record.message


@pytest.mark.parametrize("message", [None, b"STOP", {"command": "stop"}, 7])
async def test_what_is_no_text_is_an_error_in_the_log_and_the_next_one_is_published(
    reporter, caplog, message
):
    reporter.start_control_socket()
    reporter.send_control_message(message)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert repr(message) in record.message
    with await trainer_of(reporter) as trainer:
        reporter.send_control_message("STOP")
        assert await asyncio.to_thread(trainer.command) == "STOP"


async def test_a_message_that_would_run_code_is_refused_with_a_reason(reporter, caplog):
    reporter.start_control_socket()
    with await trainer_of(reporter) as trainer:
        reporter.send_control_message('{"command": "x", "y": {"py/reduce": []}}')
        reporter.send_control_message("STOP")
        assert await asyncio.to_thread(trainer.command) == "STOP"
    assert "py/reduce" in caplog.text


async def test_a_message_before_the_trainer_is_held_and_published_when_it_joins(reporter):
    reporter.start_control_socket()
    reporter.send_control_message("STOP")
    with await trainer_of(reporter) as trainer:
        assert await asyncio.to_thread(trainer.command) == "STOP"


async def test_a_message_between_two_models_reaches_the_next_trainer(reporter):
    reporter.start_control_socket()
    channel = FakeChannel()
    reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        trainer.send("report")
        assert await got(channel, 1) == forwarded(["report"])
    await reporter.restart_progress_listener(channel)
    reporter.send_control_message("STOP")
    with await trainer_of(reporter) as trainer:
        assert await asyncio.to_thread(trainer.command) == "STOP"


async def test_a_trainer_that_stays_over_a_restart_still_obeys(reporter):
    reporter.start_control_socket()
    channel = FakeChannel()
    reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        await reporter.restart_progress_listener(channel)
        reporter.send_control_message("STOP")
        assert await asyncio.to_thread(trainer.command) == "STOP"


@pytest.mark.parametrize("prefix", ["CONTROL_COMMAND::", "ZMQ_CTRL::"])
async def test_what_the_client_sends_is_the_hosts_to_parse(reporter, prefix):
    reporter.start_control_socket()
    channel = FakeChannel()
    reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        trainer.send("report")
        await got(channel, 1)
        channel.receive(prefix + "from the channel")
        reporter.send_control_message("from the host")
        assert await asyncio.to_thread(trainer.command) == "from the host"
        assert not trainer.has_command()


async def test_further_settings_may_be_given():
    settings = ReporterSettings(control_encoding=ControlEncoding.SLEAP_NN)
    async with ProgressReporter(FREE_PORT, FREE_PORT, settings=settings) as reporter:
        with await trainer_of(reporter) as trainer:
            reporter.send_control_message("STOP")
            assert await asyncio.to_thread(trainer.command) == STOP
