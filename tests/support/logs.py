"""What was logged."""

import logging

import pytest


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The errors' texts."""
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings' texts, without those of errors."""
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
