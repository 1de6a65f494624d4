"""What the actors of these tests tell."""

from typing import Any

import pytest

from tests.support.probe import Probe


@pytest.fixture
def told() -> Probe[Any]:
    """The mailbox that is told."""
    return Probe()
