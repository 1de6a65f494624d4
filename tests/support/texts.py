"""What a trainer sends, and what a client is to get of it."""

from collections.abc import Iterable


def reports(count: int, first: int = 0) -> list[str]:
    """Messages of a trainer, each one different."""
    return [
        f'{{"what": "", "event": "batch_end", "batch": {number}}}'
        for number in range(first, first + count)
    ]


def forwarded(messages: Iterable[str]) -> list[str]:
    """What a client is to get of a trainer's ``messages``."""
    return [f"PROGRESS_REPORT::{message}" for message in messages]
