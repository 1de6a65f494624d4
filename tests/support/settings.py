"""Settings that disturb nobody and wait for nothing."""

from typing import Any

from actors import ReporterSettings
from tests.support.addresses import FREE_PORT


def on_free_ports(**changes: Any) -> ReporterSettings:
    """Free ports and no connect wait, but for the ``changes``."""
    quick = {"control_address": FREE_PORT, "progress_address": FREE_PORT, "connect_wait": 0.0}
    return ReporterSettings(**{**quick, **changes})
