"""The report of a training run."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tsp.files import read_utf8
from tsp.formats.training_log import read_training_log
from tsp.machine import describe_machine
from tsp.plotting import TourMap, run_curves
from tsp.reports.page import Picture, Section, Table, render_page
from tsp.statistics import format_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from tsp.instance import Instance
    from tsp.solution import Solution

WIDTH = 4.0
"""Inches of a map."""


class Sample(NamedTuple):
    """An instance with the policy's tours before and after the training."""

    instance: Instance
    before: Solution
    after: Solution


def run_report(folder: Path, samples: Sequence[Sample], how: Mapping[str, str]) -> str:
    """The HTML of a report: curves, tours before and after, settings, and how it was run.

    Args:
        folder: the run's folder, with `config.json` and `metrics.csv`.
        samples: some instances with tours.
        how: how it was run, by name, such as the command; versions and machine are added.

    Raises:
        ValueError: when the folder holds no run.
    """
    try:
        settings: dict[str, Any] = json.loads(read_utf8(folder / "config.json"))
        rows = read_training_log(folder / "metrics.csv")
    except (OSError, RecursionError, ValueError) as error:
        raise ValueError(f"{folder}: holds no run to report ({error})") from None
    curves = Picture(partial(run_curves, folder / "metrics.csv", title="The log"), "Curves of the run over time")
    facts = {**how, **describe_machine()}
    sections = [
        Section("Training", _describe(rows), pictures=[curves]),
        *_sample_section(samples),
        Section("Settings", tables=[Table(["setting", "value"], list(_settings(settings)), labels=2)]),
        Section("How it was run", tables=[Table(["", ""], [[k, v] for k, v in facts.items()], labels=2)]),
    ]
    name = folder.resolve().name
    about = " · ".join(str(settings[key]) for key in ("problem", "size", "distribution") if settings.get(key))
    return render_page(f"Training: {name}", about, sections)


def _describe(rows: Sequence[Mapping[str, float]]) -> list[str]:
    """How long the training took, and what the validation says."""
    known = [value for row in rows if not math.isnan(value := row.get("val/objective", math.nan))]
    last: Mapping[str, float] = rows[-1] if rows else {}
    instances = last.get("instances", math.nan)
    parts = [] if math.isnan(instances) else [f"{instances:,.0f} instances"]
    parts += [f"{last['seconds'] / 60:.1f} minutes"] if last else []
    if known:
        first, end = (format_number(value) for value in (known[0], known[-1]))
        parts.append(f"validation {first} before the first step, {end} at the end")
    return [f"{', '.join(parts)}."] if parts else []


def _sample_section(samples: Sequence[Sample]) -> list[Section]:
    pictures = [
        Picture(partial(_map, instance, solution, f"{instance.name} {when}"), f"{instance.name} {when} the training")
        for instance, before, after in samples
        for when, solution in (("before", before), ("after", after))
    ]
    text = "Greedy tours of the policy before the first step and at the end, on instances that were not trained on."
    return [Section("Tours before and after", [text], pictures=pictures, columns=2)] if pictures else []


def _map(instance: Instance, solution: Solution, title: str) -> Figure:
    return TourMap(instance, solution, title=title, with_details=False, width=WIDTH).figure


def _settings(settings: Mapping[str, Any], prefix: str = "") -> Iterator[list[str]]:
    """The name and the value of each setting; those of nested tables have the table's name before theirs."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _settings(cast("dict[str, Any]", value), f"{prefix}{name}.")
        else:
            yield [f"{prefix}{name}", "–" if value is None else str(value)]
