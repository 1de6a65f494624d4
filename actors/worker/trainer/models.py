"""The kinds of models that a command trains, where it or its configuration says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from actors.worker.trainer.files import CONFIG_ENDINGS, beginning, configurations

_KINDS: Final = "|".join(
    (
        "multi_class_bottomup",
        "multi_class_topdown",
        "centered_instance",
        "single_instance",
        "centroid",
        "bottomup",
    )
)
"""The heads of sleap-nn's configuration, ``model_config.head_configs``; SLEAP's are the same."""

_WORD: Final = re.compile(rf"(?<![a-z])({_KINDS})(?![a-z])")

_SEPARATORS: Final = re.compile(r"[\s\"'=;&|()<>]+")
"""What stands between the words of a shell's command."""

_HEAD: Final = re.compile(rf"^( *)[\"']?({_KINDS})[\"']? *:(.*)$", re.MULTILINE)
"""A head's key in YAML, or in JSON that is written in lines, and what follows it."""

_NONE: Final = ("null", "~", "{}", "none")


def models_of(command: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of models that ``command`` trains, in its order; none where it does not say.

    It reads the files that the command names, configurations and scripts: not for the event loop.
    """
    configured = tuple(
        kind for path in configurations(command) for kind in dict.fromkeys(_heads(beginning(path)))
    )
    said = [kind for part in command for kind in _named_in(part)]
    scripts = (beginning(Path(part)) for part in command if part.endswith(".sh"))
    return configured or tuple(
        dict.fromkeys(said or [kind for text in scripts for kind in _named_in(text)])
    )


def _named_in(text: str) -> list[str]:
    """The kinds that ``text`` names, itself or by a configuration, in its order."""
    found: list[str] = []
    for word in _SEPARATORS.split(text):
        heads = _heads(beginning(Path(word))) if word.endswith(CONFIG_ENDINGS) else []
        # The last part of a path: a folder's name may speak of other things.
        found += heads or _WORD.findall(re.split(r"[/\\]", word)[-1])
    return found


def _heads(text: str) -> list[str]:
    """The heads of a configuration that are not null."""
    found = []
    for match in _HEAD.finditer(text):
        indent, kind, value = match.groups()
        value = value.split("#")[0].strip().rstrip(",").lower()
        opens = value in ("", "{")
        if value not in _NONE and (not opens or _stands_further_in(text[match.end() :], indent)):
            found.append(kind)
    return found


def _stands_further_in(rest: str, indent: str) -> bool:
    """Whether the next line that says something does."""
    lines = (line for line in rest.splitlines() if line.strip() and line.strip()[0] != "#")
    line = next(lines, "")
    return len(line) - len(line.lstrip()) > len(indent)
