"""The learning curve of a training run."""

# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.formats.training_log import read_training_log
from tsp.plotting.canvas import (
    FADED,
    INK,
    PALETTE,
    PAPER,
    START,
    Points,
    add_legend,
    frame_axes,
    line_style,
    make_canvas,
)
from tsp.statistics import format_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning_curve(metrics: str | Path | Sequence[Mapping[str, Any]], *, title: str = "learning curve") -> Figure:
    """Draw a run's training and validation objectives over the minutes of training.

    Args:
        metrics: the run's `metrics.csv`, or its rows: `seconds`, and where there is a value
            `instances`, `train/objective`, `val/objective`.
        title: the heading.

    Raises:
        ValueError: when there is nothing to draw, and for a file that is no log.
    """
    if isinstance(metrics, str | Path):
        rows: Sequence[Mapping[str, Any]] = read_training_log(metrics)
    else:
        rows = metrics
    minutes = _column(rows, "seconds") / 60
    train, validation = _column(rows, "train/objective"), _column(rows, "val/objective")
    if not (np.isfinite(train).any() or np.isfinite(validation).any()):
        raise ValueError(f"{metrics if isinstance(metrics, str | Path) else 'metrics'}: no objective to draw yet")
    validated = validation[np.isfinite(validation)]
    facts = [f"{np.nanmax(minutes):.1f} minutes"]
    instances = _column(rows, "instances")
    if np.isfinite(instances).any():
        facts.append(f"{np.nanmax(instances):,.0f} instances")
    if validated.size:
        facts.append(f"validation {format_number(validated[-1])} at the end")
    figure, axes = make_canvas(8.0, 4.6, title, " · ".join(facts))
    _draw_objectives(axes, minutes, train, validation)
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("objective")
    frame_axes(axes, grid="y")
    add_legend(axes)
    return figure


SKIPPED = ("step", "instances", "seconds")
"""Columns of a log that are no curves."""

MOST_PANELS = 6


def run_curves(metrics: str | Path, *, title: str = "curves") -> Figure:
    """Draw all curves of a run's `metrics.csv` over the minutes of training, one below the other.

    Columns such as `train/loss` and `val/loss` share a panel.

    Raises:
        ValueError: when there is nothing to draw, and for a file that is no log.
    """
    rows = read_training_log(metrics)
    panels: dict[str, dict[str, Points]] = {}
    for name in rows[0] if rows else ():
        values = _column(rows, name)
        if name not in SKIPPED and np.isfinite(values).any():
            part, _, what = name.rpartition("/")
            panels.setdefault(what, {})[part] = values
    if not panels:
        raise ValueError(f"{metrics}: no curve to draw yet")
    minutes = _column(rows, "seconds") / 60
    drawn = sorted(panels.items(), key=lambda item: item[0] != "objective")[:MOST_PANELS]
    height = 2.1 * len(drawn)
    figure, whole = make_canvas(8.0, height, title, f"{np.nanmax(minutes):.1f} minutes")
    place = whole.get_position()
    whole.remove()
    each = place.height / len(drawn)
    for k, (what, curves) in enumerate(drawn):
        axes = figure.add_axes((0.1, place.y1 - (k + 1) * each + 0.2 * each, 0.86, 0.7 * each))
        for j, (part, values) in enumerate(curves.items()):
            known, look = np.isfinite(values), line_style(j)
            few = int(known.sum()) <= FEW
            axes.plot(
                minutes[known],
                values[known],
                color=look.color,
                linestyle=look.linestyle,
                marker=look.marker if few else None,
                markersize=4,
                linewidth=1.4,
                label=PARTS.get(part, part),
            )
        axes.set_xlim(-0.02 * np.nanmax(minutes), 1.02 * np.nanmax(minutes) or 1.0)
        axes.set_ylabel(what.replace("_", " "), fontsize=9, color=FADED)
        axes.tick_params(colors=FADED, labelcolor=INK, labelsize=8, length=0)
        axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
        if len(curves) > 1:
            add_legend(axes)
        if k == len(drawn) - 1:
            axes.set_xlabel("minutes of training", color=FADED, fontsize=9)
    return figure


FEW = 40
"""The most values of a curve that have marks."""

PARTS = {"train": "training", "val": "validation"}


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> Points:
    """A column of numbers `[N]`, NaN where there is none."""
    values = (row.get(name) for row in rows)
    return np.array([np.nan if value is None or value == "" else float(value) for value in values])


def _draw_objectives(axes: Axes, minutes: Points, train: Points, validation: Points) -> None:
    axes.plot(minutes, train, color=PALETTE[0], linewidth=1.0, alpha=0.55, label="training", zorder=2)
    measured = np.isfinite(validation)
    if measured.any():
        few = int(measured.sum()) <= FEW
        axes.plot(
            minutes[measured],
            validation[measured],
            color=START,
            linewidth=2.0,
            marker="o" if few else None,
            markersize=4.5,
            markeredgecolor=PAPER,
            label="validation",
            zorder=3,
        )
    # The objectives of an untrained policy would flatten the rest of the curve.
    late = minutes >= 0.05 * np.nanmax(minutes) if len(minutes) >= 20 else np.ones(len(minutes), dtype=bool)
    shown = np.concatenate([train[late], validation[late]])
    low, high = np.nanmin(shown), np.nanmax(shown)
    if high > low:
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
