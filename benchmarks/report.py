"""The results as tables, as JSON and as a drawing."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.table import Table

from benchmarks.measures import OURS

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Results:
    """What was measured: for each measurement and figure, the values of each subject."""

    machine: dict[str, Any]
    values: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def add(self, measurement: str, subject: str, figures: dict[str, float]) -> None:
        """Take one round's figures."""
        for name, value in figures.items():
            by_subject = self.values.setdefault(measurement, {}).setdefault(name, {})
            by_subject.setdefault(subject, []).append(value)

    def tables(self) -> list[Table]:
        """One table for each measurement: medians, least and greatest, and the ratio."""
        return [self._table(name, figures) for name, figures in self.values.items()]

    def _table(self, measurement: str, figures: dict[str, dict[str, list[float]]]) -> Table:
        subjects = list(dict.fromkeys(s for by_subject in figures.values() for s in by_subject))
        table = Table(title=measurement, title_justify="left")
        table.add_column("median (least to greatest)")
        for subject in subjects:
            table.add_column(subject, justify="right")
        for other in subjects[1:]:
            table.add_column(f"ours / {other}", justify="right")
        for figure, by_subject in figures.items():
            table.add_row(
                figure,
                *(_spread(by_subject.get(subject)) for subject in subjects),
                *(_ratio(by_subject.get(OURS), by_subject.get(other)) for other in subjects[1:]),
            )
        return table

    def write_json(self, file: Path) -> None:
        """Everything, value by value."""
        text = json.dumps(
            {"machine": self.machine, "missing": self.missing, "values": self.values}, indent=1
        )
        file.write_text(text + "\n", encoding="utf-8")

    def draw(self, file: Path) -> None:
        """A page of bar charts that needs nothing else."""
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots

        figures = [
            (name, by_subject) for each in self.values.values() for name, by_subject in each.items()
        ]
        columns = 3
        rows = -(-len(figures) // columns)
        drawing = make_subplots(
            rows=rows, cols=columns, subplot_titles=[name for name, _ in figures]
        )
        for index, (_, by_subject) in enumerate(figures):
            medians = [statistics.median(values) for values in by_subject.values()]
            bar = go.Bar(
                x=list(by_subject),
                y=medians,
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [
                        max(v) - m for v, m in zip(by_subject.values(), medians, strict=True)
                    ],
                    "arrayminus": [
                        m - min(v) for v, m in zip(by_subject.values(), medians, strict=True)
                    ],
                },
            )
            drawing.add_trace(bar, row=index // columns + 1, col=index % columns + 1)
        drawing.update_layout(height=320 * rows, showlegend=False, title=str(self.machine))
        drawing.write_html(str(file))


def _spread(values: list[float] | None) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return _number(values[0])
    return f"{_number(statistics.median(values))} ({_number(min(values))}-{_number(max(values))})"


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _ratio(ours: list[float] | None, other: list[float] | None) -> str:
    if not ours or not other or not statistics.median(other):
        return ""
    return f"{statistics.median(ours) / statistics.median(other):.2f}"
