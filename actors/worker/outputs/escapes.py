"""What a terminal would obey in a text that comes from outside. Pure functions."""

from __future__ import annotations

import re
from typing import Final

# Control sequences (CSI), commands (OSC and the like) to their end, other escapes, and control
# characters but the tab and the line feed; each also in its form of one character (C1). Of the
# control sequences, those that set colours are the group.
_ESCAPES: Final = re.compile(
    r"((?:\x1b\[|\x9b)[0-9;:]*m)"
    r"|(?:\x1b\[|\x9b)[^@-~]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


def plain(text: str) -> str:
    """``text`` without anything that a terminal would obey."""
    return _ESCAPES.sub("", text)


def coloured(text: str) -> str:
    """``text`` with its colours, and nothing else that a terminal would obey."""
    return _ESCAPES.sub(lambda found: found[1] or "", text)
