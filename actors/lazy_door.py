"""``lazy_door``: a package that imports what it exports when it is first used.

Importing the whole reporter takes a tenth of a second, and a command line that prints its help, or
a host that wants one name, need not wait for that.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def lazy_door(package: str, modules: dict[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """The ``__getattr__`` of ``package``, with the names that come from each of its modules."""

    def import_name(name: str) -> Any:
        for module, names in modules.items():
            if name in names:
                return getattr(importlib.import_module(f"{package}.{module}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return import_name
