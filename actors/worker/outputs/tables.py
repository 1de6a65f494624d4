"""The tables at the end of a run: its epochs, and what was reported. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from actors.worker.outputs.words import loss_words

if TYPE_CHECKING:
    from actors.worker.outputs.run_record import RunRecord
    from messages import ReportingSummary


def run_table(record: RunRecord) -> Table:
    """A row for each epoch."""
    table = Table(title="The run, as the client received it", title_justify="left")
    for column in ("epoch", "batches", "train loss", "val loss", "seconds"):
        table.add_column(column, justify="right")
    for epoch in record.rows:
        table.add_row(
            str(epoch.number + 1),
            str(epoch.batches),
            loss_words(epoch.train_loss),
            loss_words(epoch.val_loss),
            "" if epoch.seconds is None else f"{epoch.seconds:.1f}",
        )
    return table


def counts_table(summary: ReportingSummary, record: RunRecord, *, earlier: bool) -> Table:
    """What the reporter has counted, and the client, who has the run's ``earlier`` part too."""
    table = Table(title="Reports", title_justify="left")
    table.add_column("count")
    table.add_column("reports", justify="right")
    here = " by this worker" if earlier else ""
    clients = "client" if summary.forwarded <= summary.received else "clients together"
    counts = {
        f"received from the trainer{here}": summary.received,
        f"forwarded to the {clients}{here}": summary.forwarded,
        "failed": summary.failed,
        "undecodable": summary.undecodable,
    }
    for what, count in counts.items():
        table.add_row(what, str(count) if summary.is_complete else "not known")
    table.add_section()
    whole = ", with the earlier part" if earlier else ""
    table.add_row(f"received by the client{whole}", str(record.received))
    for event, count in sorted(record.events.items()):
        table.add_row(Text(f"  {event}"), str(count))
    return table
