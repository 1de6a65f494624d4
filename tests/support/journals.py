"""Journals, read by hand."""

import json
from pathlib import Path
from typing import Any


def messages_of(journal: Path) -> list[dict[str, Any]]:
    """What each of its entries says."""
    return [json.loads(json.loads(line)["message"]) for line in journal.read_text().splitlines()]
