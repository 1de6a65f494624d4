"""ProgressReporter: when its sockets are bound, what happens when they cannot be, and their end."""

import asyncio
import inspect
import threading

import pykka
import pytest

from actors import ProgressReporter
from tests.support.addresses import FREE_PORT, fixed_addresses, occupied
from tests.support.channel import FakeChannel
from tests.support.descriptors import open_sockets
from tests.support.logs import errors
from tests.support.on_loop import got, trainer_of
from tests.support.texts import forwarded
from tests.support.waiting import settled, until

pytestmark = pytest.mark.asyncio

NOTHING = (None, None, None, None, False, False)


def state(reporter):
    return (
        reporter.ctrl_socket,
        reporter.progress_socket,
        reporter.context,
        reporter.listener_task,
        reporter.is_control_socket_active(),
        reporter.is_progress_listener_running(),
    )


async def test_the_default_addresses_are_those_of_the_requirement_text():
    reporter = ProgressReporter()
    assert reporter.control_address == "tcp://127.0.0.1:9000"
    assert reporter.progress_address == "tcp://127.0.0.1:9001"


async def test_before_the_start_and_after_a_cleanup_there_is_nothing(reporter):
    threads, sockets = set(threading.enumerate()), open_sockets()
    assert state(reporter) == NOTHING
    reporter.start_control_socket()
    reporter.start_progress_listener_task(FakeChannel())
    await until(lambda: reporter.progress_socket)
    assert reporter.ctrl_socket.address == reporter.control_address
    assert reporter.progress_socket.address == reporter.progress_address
    assert reporter.context is not None
    assert reporter.is_control_socket_active()
    assert reporter.is_progress_listener_running()
    for _ in range(2):
        await reporter.async_cleanup()
        assert state(reporter) == NOTHING
        assert open_sockets() <= sockets
        await until(lambda: set(threading.enumerate()) <= threads)  # a timer that is called off
        assert not pykka.ActorRegistry.get_all()


async def test_one_that_was_never_started_is_cleaned_up_and_starts_no_thread(reporter):
    threads = set(threading.enumerate())
    reporter.stop_progress_listener()
    reporter.cleanup()
    await reporter.async_cleanup()
    assert set(threading.enumerate()) == threads


async def test_the_addresses_are_free_at_once_after_the_cleanup(reporter):
    for _ in range(20):
        reporter.start_control_socket()
        reporter.start_progress_listener_task(FakeChannel())
        await until(lambda: reporter.progress_socket)
        await reporter.async_cleanup()
        with occupied(reporter.control_address), occupied(reporter.progress_address):
            pass


async def test_the_synchronous_cleanup_frees_the_addresses_too_and_a_start_may_follow_at_once(
    reporter,
):
    for number in range(5):
        reporter.start_control_socket()
        channel = FakeChannel()
        reporter.start_progress_listener_task(channel)
        with await trainer_of(reporter) as trainer:
            trainer.send(f"report {number}")
            assert await got(channel, 1) == forwarded([f"report {number}"])
            reporter.send_control_message("STOP")
            assert await asyncio.to_thread(trainer.command) == "STOP"
        reporter.cleanup()
        assert state(reporter) == NOTHING
    reporter.cleanup()

    def are_free():
        try:
            with occupied(reporter.control_address), occupied(reporter.progress_address):
                return True
        except OSError:
            return False

    assert await asyncio.to_thread(settled, are_free)


async def test_a_control_address_in_use_raises_and_leaves_nothing(reporter):
    before = open_sockets()
    with occupied(reporter.control_address):
        with pytest.raises(OSError, match="in use") as refusal:
            reporter.start_control_socket()
        assert reporter.control_address in str(refusal.value)
        assert state(reporter) == NOTHING
        await asyncio.to_thread(settled, lambda: not pykka.ActorRegistry.get_all())
        assert not pykka.ActorRegistry.get_all()
    assert open_sockets() <= before
    reporter.start_control_socket()
    assert reporter.is_control_socket_active()


async def test_a_started_control_socket_is_not_started_again(reporter):
    reporter.start_control_socket()
    first = reporter.context
    reporter.start_control_socket()
    assert reporter.context is first


@pytest.mark.parametrize("with_control", [True, False])
async def test_a_progress_address_in_use_ends_the_task_loudly_and_costs_nothing_else(
    reporter, caplog, with_control
):
    if with_control:
        reporter.start_control_socket()
    with occupied(reporter.progress_address):
        task = reporter.start_progress_listener_task(FakeChannel())
        with pytest.raises(OSError, match="in use") as refusal:
            await task
    assert reporter.progress_address in str(refusal.value)
    (error,) = errors(caplog)
    assert reporter.progress_address in error
    assert reporter.progress_socket is None
    assert not reporter.is_progress_listener_running()
    if with_control:
        with await trainer_of(reporter) as trainer:
            reporter.send_control_message("STOP")
            assert await asyncio.to_thread(trainer.command) == "STOP"
    channel = FakeChannel()
    reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        trainer.send("report")
        assert await got(channel, 1) == forwarded(["report"])


async def test_a_progress_address_in_use_is_raised_by_the_awaited_listener(reporter):
    with occupied(reporter.progress_address), pytest.raises(OSError, match="in use"):
        await reporter.start_progress_listener(FakeChannel())


async def test_a_free_port_is_named_while_it_is_bound():
    reporter = ProgressReporter(FREE_PORT, FREE_PORT)
    async with reporter:
        reporter.start_progress_listener_task(FakeChannel())
        await until(lambda: reporter.progress_socket)
        for address in (reporter.control_address, reporter.progress_address):
            assert address.startswith("tcp://127.0.0.1:")
            assert address != FREE_PORT
    assert (reporter.control_address, reporter.progress_address) == (FREE_PORT, FREE_PORT)


async def test_the_context_manager_starts_the_control_socket_and_cleans_up():
    control, progress = fixed_addresses(2)
    async with ProgressReporter(control_address=control, progress_address=progress) as reporter:
        assert reporter.is_control_socket_active()
    assert state(reporter) == NOTHING
    with occupied(control):
        with pytest.raises(OSError, match="in use"):
            await reporter.__aenter__()
        assert state(reporter) == NOTHING


async def test_cleanups_at_the_same_time_wait_for_the_same_end(reporter):
    reporter.start_control_socket()
    reporter.start_progress_listener_task(FakeChannel())
    await until(lambda: reporter.progress_socket)
    await asyncio.gather(*(reporter.async_cleanup() for _ in range(3)))
    with occupied(reporter.control_address), occupied(reporter.progress_address):
        pass


async def test_a_cleanup_right_after_a_start_leaves_nothing(reporter):
    for _ in range(5):
        reporter.start_control_socket()
        task = reporter.start_progress_listener_task(FakeChannel())
        await reporter.async_cleanup()
        await asyncio.wait({task})
        assert task.cancelled()
        assert state(reporter) == NOTHING
        with occupied(reporter.control_address), occupied(reporter.progress_address):
            pass
        assert not pykka.ActorRegistry.get_all()


async def test_a_start_between_two_cleanups_leaves_nothing(reporter):
    reporter.start_progress_listener_task(FakeChannel())
    await until(lambda: reporter.progress_socket)
    reporter.cleanup()
    reporter.start_progress_listener_task(FakeChannel())
    await reporter.async_cleanup()
    with occupied(reporter.progress_address):
        pass


async def test_a_cleanup_that_is_cancelled_half_way_ends_the_listener(reporter):
    channel = FakeChannel(buffering=True)
    task = reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        trainer.send("one")
        await got(channel, 1)
    cleaning = asyncio.create_task(reporter.async_cleanup())
    await asyncio.sleep(0)
    cleaning.cancel()
    await asyncio.wait({cleaning, task})
    assert not reporter.is_progress_listener_running()
    channel.drain()


async def test_a_restart_that_meets_a_cleanup_opens_nothing(reporter):
    channel = FakeChannel()
    reporter.start_progress_listener_task(channel)
    await until(lambda: reporter.progress_socket)
    await asyncio.gather(reporter.restart_progress_listener(channel), reporter.async_cleanup())
    await reporter.async_cleanup()
    assert state(reporter) == NOTHING
    with occupied(reporter.progress_address):
        pass


async def test_a_start_that_failed_leaves_no_actor_when_its_task_has_ended(reporter):
    with occupied(reporter.progress_address):
        task = reporter.start_progress_listener_task(FakeChannel())
        await asyncio.wait({task})
        assert not pykka.ActorRegistry.get_all()
        assert isinstance(task.exception(), OSError)


async def test_no_public_method_calls_one_that_a_subclass_may_have_replaced():
    called = []

    def replaced(name):
        return lambda *_, **__: called.append(name)

    public = [
        name
        for name, value in vars(ProgressReporter).items()
        if inspect.isfunction(value) and not name.startswith("_")
    ]
    spied = type("Spied", (ProgressReporter,), {name: replaced(name) for name in public})
    reporter = spied(FREE_PORT, FREE_PORT)
    base = ProgressReporter
    for _ in range(2):
        base.start_control_socket(reporter)
        base.start_progress_listener_task(reporter, FakeChannel())
        await until(lambda: base.progress_socket.fget(reporter))
        assert base.is_control_socket_active(reporter)
        assert base.is_progress_listener_running(reporter)
        base.send_control_message(reporter, "STOP")
        await base.restart_progress_listener(reporter, FakeChannel())
        base.stop_progress_listener(reporter)
        base.cleanup(reporter)
        await base.async_cleanup(reporter)
        assert base.context.fget(reporter) is None
        async with reporter:
            listening = asyncio.create_task(base.start_progress_listener(reporter, FakeChannel()))
            await until(lambda: base.progress_socket.fget(reporter))
        await asyncio.wait({listening})
        assert reporter.ctrl_socket is reporter.progress_socket is None
    assert called == []
