"""ReporterSettings: the defaults of the requirement text, and what makes no sense."""

import dataclasses
from typing import Any

import pytest

from actors import (
    ControlEncoding,
    PortConflict,
    ProgressReporter,
    ReporterSettings,
    spawn_supervisor,
)
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe

NAN = float("nan")


def of(name: str, value: object) -> ReporterSettings:
    """The settings with one value, which may be of any type."""
    changes: dict[str, Any] = {name: value}
    return ReporterSettings(**changes)


def test_the_defaults_are_those_of_the_requirement_text() -> None:
    settings = ReporterSettings()
    assert settings.control_address == "tcp://127.0.0.1:9000"
    assert settings.progress_address == "tcp://127.0.0.1:9001"
    assert settings.poll_interval == 0.05
    assert settings.connect_wait == 1.0


@pytest.mark.parametrize("name", ["poll_interval", "drain_timeout"])
@pytest.mark.parametrize("value", [0, -0.1, NAN])
def test_a_time_that_must_pass_is_more_than_zero(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be more than 0"):
        of(name, value)


@pytest.mark.parametrize("name", ["connect_wait", "gather_interval", "settle_time"])
@pytest.mark.parametrize("value", [-0.1, NAN])
def test_a_time_that_may_be_skipped_is_zero_or_more(name: str, value: float) -> None:
    assert getattr(of(name, 0), name) == 0
    with pytest.raises(ValueError, match=f"{name} must be 0 seconds or more"):
        of(name, value)


@pytest.mark.parametrize("name", ["log_limit", "log_bytes", "channel_high_water", "page_messages"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_bound_is_at_least_one(name: str, value: int) -> None:
    assert getattr(of(name, 1), name) == 1
    with pytest.raises(ValueError, match=f"{name} must be at least 1"):
        of(name, value)


@pytest.mark.parametrize(
    ("name", "value", "error", "expected"),
    [
        ("control_address", 9000, TypeError, "an address such as"),
        ("progress_address", b"tcp://127.0.0.1:*", TypeError, "an address such as"),
        ("on_port_conflict", "maybe", ValueError, "one of ['fail', 'free']"),
        ("poll_interval", 10**400, ValueError, "0 seconds"),
        ("control_address", "tcp://\ud800:1", ValueError, "an address such as"),
        ("control_encoding", None, TypeError, "one of ['verbatim', 'sleap-nn']"),
        ("poll_interval", "x", TypeError, "more than 0 seconds"),
        ("poll_interval", True, TypeError, "more than 0 seconds"),
        ("drain_timeout", float("inf"), ValueError, "at most 86400"),
        ("connect_wait", 1e10, ValueError, "at most 86400"),
        ("open_timeout", 0, ValueError, "more than 0 seconds"),
        ("log_limit", 1.5, TypeError, "a whole number"),
        ("log_limit", 10**400, ValueError, "not more than there can be in memory"),
        ("page_messages", "16", TypeError, "a whole number"),
    ],
)
def test_a_value_of_a_wrong_type_or_size_is_refused_by_name(
    name: str, value: object, error: type[Exception], expected: str
) -> None:
    with pytest.raises(error) as refused:
        of(name, value)
    assert type(refused.value) is error
    assert str(refused.value).startswith(f"{name} must be ")
    assert expected in str(refused.value)
    assert repr(value)[:100] in str(refused.value)


def test_of_an_enumeration_its_value_is_taken_too() -> None:
    settings = ReporterSettings(
        control_encoding="sleap-nn",  # type: ignore[arg-type]  # as from a file
        on_port_conflict="free",  # type: ignore[arg-type]
    )
    assert settings.control_encoding is ControlEncoding.SLEAP_NN
    assert settings.on_port_conflict is PortConflict.FREE


class Hostile:
    """Raises whenever it is looked at."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(ReporterSettings)])
def test_an_object_that_raises_when_it_is_looked_at_is_refused_by_name(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} must be .* not a Hostile"):
        of(name, Hostile())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settings", "x"),
        ("settings", {}),
        ("settings", ReporterSettings),
        ("loop", None),
        ("owner", None),
        ("owner", object()),
        ("train_ends", object()),
        ("scheduler", object()),
    ],
)
def test_a_reporter_is_not_started_with_an_argument_of_a_wrong_type(
    loop_thread: LoopThread, name: str, value: object
) -> None:
    arguments: dict[str, Any] = {"loop": loop_thread.loop, "owner": Probe(), name: value}
    with pytest.raises(TypeError, match=f"{name} must be "):
        spawn_supervisor(**arguments)


@pytest.mark.parametrize("name", ["control_address", "progress_address"])
def test_a_progress_reporter_has_both_addresses(name: str) -> None:
    addresses: dict[str, Any] = {name: None}
    with pytest.raises(TypeError, match=name):
        ProgressReporter(**addresses)
    with pytest.raises(TypeError, match="settings must be"):
        ProgressReporter(settings={})  # type: ignore[arg-type]
