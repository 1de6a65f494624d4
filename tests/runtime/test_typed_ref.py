"""TypedRef's total ``tell``, the edge's timed ``ask`` and ``stop``, and ``reply``."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from actors import TypedRef
from actors.runtime import Adapter, reply
from tests.support.mailboxes import Raising
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE


class Echo(pykka.ThreadingActor):
    """Tells the mailbox that it is told; an Event parks it; None is not answered."""

    def on_receive(self, message: Any) -> None:
        if isinstance(message, threading.Event):
            assert message.wait(PATIENCE)
        elif message is not None:
            message.tell("answer")


@pytest.fixture
def echo() -> Iterator[TypedRef[Any]]:
    ref = Echo.start()
    yield TypedRef(ref)
    ref.stop()


@pytest.fixture
def dead() -> TypedRef[Any]:
    ref = Echo.start()
    ref.stop()
    return TypedRef(ref)


def test_a_message_reaches_the_actor(echo: TypedRef[Any]) -> None:
    probe: Probe[str] = Probe()
    echo.tell(probe)
    probe.expect("answer")


def test_telling_a_dead_actor_is_a_debug_line_and_nothing_else(
    dead: TypedRef[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    dead.tell("the message")
    (record,) = caplog.records
    assert record.levelno == logging.DEBUG
    assert record.name == "actors.runtime.typed_ref"
    assert "'the message'" in record.getMessage()
    assert "Echo" in record.getMessage()


def test_ask_returns_the_answer(echo: TypedRef[Any]) -> None:
    assert echo.ask(lambda reply_to: reply_to, timeout=PATIENCE) == "answer"


def test_ask_raises_timeout_error_when_no_answer_comes(echo: TypedRef[Any]) -> None:
    with pytest.raises(TimeoutError, match=r"Echo.*0\.01 s"):
        echo.ask(lambda _: None, timeout=0.01)


def test_ask_of_a_dead_actor_times_out(dead: TypedRef[Any]) -> None:
    with pytest.raises(TimeoutError):
        dead.ask(lambda reply_to: reply_to, timeout=0.01)


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(echo: TypedRef[Any]) -> None:
    gate = threading.Event()
    late: Probe[str] = Probe()
    echo.tell(gate)

    def note(answer: str) -> str:
        late.tell(answer)
        return "late"

    def make(reply_to: Any) -> Any:
        return Adapter(reply_to, note)

    with pytest.raises(TimeoutError):
        echo.ask(make, timeout=0.01)
    gate.set()
    late.expect("answer")
    assert echo.ask(lambda reply_to: reply_to, timeout=PATIENCE) == "answer"


@pytest.mark.parametrize(
    ("name", "wait"),
    [
        ("ask", lambda ref: ref.ask(lambda reply_to: reply_to, timeout=1.0)),
        ("stop", lambda ref: ref.stop(timeout=1.0)),
    ],
)
def test_waiting_on_a_thread_that_runs_an_event_loop_is_refused(
    echo: TypedRef[Any], name: str, wait: Callable[[TypedRef[Any]], Any]
) -> None:
    async def on_loop() -> None:
        with pytest.raises(RuntimeError, match=rf"^{name}\(\).*asyncio\.to_thread"):
            wait(echo)
        await asyncio.to_thread(wait, echo)

    asyncio.run(on_loop())


def test_stop_waits_for_the_end(echo: TypedRef[Any]) -> None:
    assert echo.stop(timeout=PATIENCE) is True
    assert pykka.ActorRegistry.get_by_class(Echo) == []


def test_stop_of_a_dead_actor_is_false_at_once(dead: TypedRef[Any]) -> None:
    assert dead.stop(timeout=PATIENCE) is False


def test_stop_is_false_when_the_actor_is_busy_for_longer(echo: TypedRef[Any]) -> None:
    gate = threading.Event()
    echo.tell(gate)
    assert echo.stop(timeout=0.01) is False
    gate.set()


def test_a_requested_stop_returns_at_once_and_the_actor_ends_after_what_it_holds() -> None:
    ref = Echo.start()
    gate, probe = threading.Event(), Probe[str]()
    typed: TypedRef[Any] = TypedRef(ref)
    typed.tell(gate)
    typed.tell(probe)
    typed.request_stop()
    assert probe.drain() == []
    gate.set()
    probe.expect("answer")
    ref.stop()


def test_a_requested_stop_of_a_dead_actor_does_nothing(dead: TypedRef[Any]) -> None:
    dead.request_stop()


def test_a_requested_stop_is_allowed_on_an_event_loop(echo: TypedRef[Any]) -> None:
    async def on_loop() -> None:
        echo.request_stop()
        echo.tell(None)

    asyncio.run(on_loop())


def test_a_reference_is_shown_by_its_actors_name(echo: TypedRef[Any]) -> None:
    assert repr(echo) == "<TypedRef of Echo>"


def test_an_adapter_passes_each_message_on_wrapped() -> None:
    probe: Probe[tuple[str, int]] = Probe()
    adapter: Adapter[int, tuple[str, int]] = Adapter(probe, lambda number: ("number", number))
    adapter.tell(1)
    adapter.tell(2)
    assert probe.drain() == [("number", 1), ("number", 2)]


def test_a_reply_tells_the_mailbox() -> None:
    probe: Probe[str] = Probe()
    reply(probe, "message")
    assert probe.drain() == ["message"]


def test_a_reply_survives_a_mailbox_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    reply(Raising(ValueError("broken")), "the message")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "'the message'" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


def test_a_reply_survives_a_pykka_reference_of_a_dead_actor() -> None:
    ref = Echo.start()
    ref.stop()
    reply(ref, "message")


def test_a_reply_does_not_swallow_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        reply(Raising(KeyboardInterrupt()), "message")
