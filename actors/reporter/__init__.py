"""ProgressReporter: the reporter for plain asyncio code."""

from actors.reporter.progress_reporter import ProgressReporter

__all__ = ["ProgressReporter"]
