"""Numbers in words, as the terminal shows them. Pure functions."""

from __future__ import annotations

from datetime import datetime


def loss_words(loss: float | None) -> str:
    """A loss in four significant digits: some trainings go on at 4.1e-07."""
    return "-" if loss is None else f"{loss:.4g}"


def duration(seconds: float) -> str:
    """A time that has passed."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def moment(time: float) -> str:
    """A time in seconds since the epoch, as this machine's clock says it."""
    try:
        return datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "at a time that is none"


def gigabytes(size: int) -> str:
    """A number of bytes."""
    return f"{size / 1e9:.1f} GB"
