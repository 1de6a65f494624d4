"""Screens, each with a terminal's actor that writes on it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.screens import Screen
from tests.support.waiting import PATIENCE


@pytest.fixture
def screens() -> Iterator[Any]:
    """Makes screens, and ends them after the test."""
    made: list[Screen] = []

    def make(
        *, terminal: bool = False, width: int = 80, quiet: bool = False, **options: Any
    ) -> Screen:
        made.append(Screen(terminal=terminal, width=width, quiet=quiet, **options))
        return made[-1]

    yield make
    for screen in made:
        screen.actor.stop(timeout=PATIENCE)
