"""The report of a comparison."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

from tsp.comparison.report import COLUMNS, format_count
from tsp.composition import problem_of
from tsp.machine import describe_machine
from tsp.plotting import TourMap, gap_figure
from tsp.plotting.pairs import best_row, difference_figure, scatter_figure
from tsp.reports.page import Picture, Section, Table, render_page
from tsp.statistics import format_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from tsp.comparison import Comparison, Row
    from tsp.instance import Instance
    from tsp.solution import Solution
    from tsp.statistics import Estimate

MOST_WORST, MOST_DRAWN = 3, 4
"""Instances that are drawn, and solvers of each."""

MOST_LISTED = 200
"""Instances whose values are listed."""

LARGEST_DRAWN = 5000
"""The most nodes of an instance that is drawn."""

WIDTH = 4.0
"""Inches of a map."""


def comparison_report(comparison: Comparison, how: Mapping[str, str]) -> str:
    """The HTML of a report: verdicts, tables with intervals, pictures, the worst instances, and how it was run.

    Args:
        comparison: made by `tsp.compare`.
        how: how it was run, by name, such as the command; versions and machine are added.
    """
    sections = [
        Section("Result", comparison.verdicts(), [_rows_table(comparison)]),
        *_gap_section(comparison),
        *_difference_sections(comparison),
        *_worst_sections(comparison),
        *_instance_sections(comparison),
        _how_section(comparison, how),
    ]
    problem = problem_of(comparison.instances[0])
    title = f"{problem.title[:1].upper()}{problem.title[1:]}"
    sizes = sorted({instance.size for instance in comparison.instances})
    nodes = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    solvers = len({row.solver for row in comparison.rows})
    facts = (
        f"{format_count(len(comparison.instances), 'instance')} of {nodes} nodes · {format_count(solvers, 'solver')} · "
        f"{format_count(comparison.threads, 'thread')} · gaps to the {comparison.reference}"
    )
    return render_page(title, facts, sections)


def _rows_table(comparison: Comparison) -> Table:
    unit = "" if comparison.unit is None else f", {comparison.unit}"
    headings = [f"{title}{unit}" if title == "objective" else title for title, _ in COLUMNS]
    return Table(headings, [[cell(row) for _, cell in COLUMNS] for row in comparison.rows], labels=2)


def _gap_section(comparison: Comparison) -> list[Section]:
    if not any(row.mean_gap is not None for row in comparison.rows):
        return []
    what = "Spread of the gaps" if len(comparison.time_limits) == 1 else "Gap against time"
    caption = f"{what}; means have their 95 % intervals"
    return [Section(what, pictures=[Picture(partial(gap_figure, comparison), caption)])]


def _difference_sections(comparison: Comparison) -> list[Section]:
    """Paired differences, as a table and instance by instance."""
    if len({row.solver for row in comparison.rows}) < 2:
        return []
    lines = [
        [f"{a.time_limit:g} s", a.solver, b.solver, *_percents(a.difference[b.solver])]
        for limit in comparison.time_limits
        for a, b in combinations(comparison.under(limit), 2)
    ]
    table = Table(["limit", "solver", "against", "difference %", "95 % interval"], lines, labels=3)
    pictures: list[Picture] = []
    limit = comparison.time_limits[-1]
    if _have_common_answers(comparison.under(limit)):
        pictures = [
            Picture(partial(difference_figure, comparison, limit), "Differences to the best solver, in order"),
            Picture(
                partial(scatter_figure, comparison, limit),
                "Each dot is an instance; on the line both solvers are equal",
            ),
        ]
    text = "Relative differences on the same instances; a negative one means that the first solver is better."
    return [Section("Paired differences", [text], [table], pictures)]


def _have_common_answers(rows: Sequence[Row]) -> bool:
    best = best_row(rows)
    return best is not None and any(row.difference.get(best.solver) is not None for row in rows if row is not best)


def _percents(estimate: Estimate | None) -> list[str]:
    """The mean and the interval of an estimate, in percent."""
    if estimate is None:
        return ["–", "–"]
    ends = "–" if estimate.interval is None else f"[{', '.join(f'{100 * end:+.3f}' for end in estimate.interval)}]"
    return [f"{100 * estimate.mean:+.3f}", ends]


def _worst_sections(comparison: Comparison) -> list[Section]:
    """The instances with the largest gap of any solver under the longest limit, drawn for each solver."""
    rows = comparison.under(comparison.time_limits[-1])
    gaps = {row.solver: comparison.gaps_by_instance(row) for row in rows}
    worst = [max(_size(gaps[row.solver][i]) for row in rows) for i in range(len(comparison.instances))]
    order = sorted(range(len(worst)), key=lambda i: -worst[i])
    drawn = [i for i in order if comparison.instances[i].size <= LARGEST_DRAWN][:MOST_WORST]
    ranked = sorted(rows, key=lambda row: math.inf if row.mean_gap is None else row.mean_gap.mean)
    shown = ranked if len(ranked) <= MOST_DRAWN else [*ranked[: MOST_DRAWN - 1], ranked[-1]]
    columns = min(len(shown), 3 if len(shown) == 3 else 2)
    out: list[Section] = []
    for place, i in enumerate(drawn, 1):
        instance = comparison.instances[i]
        pictures = [
            Picture(
                partial(_map, instance, row.solutions[i], row.solver), _describe(instance, row, gaps[row.solver][i], i)
            )
            for row in shown
            if row.solutions[i].tours
        ]
        texts = [f"The largest gap of any solver is {_percent(worst[i])}. Names and schedules are not drawn here."]
        if len(shown) < len(rows):
            texts.append(f"Drawn are {len(shown)} of {len(rows)} solvers: the best on average, and the worst.")
        out.append(Section(f"Worst instance {place}: {instance.name}", [" ".join(texts)], (), pictures, columns))
    return out


def _size(gap: float | None) -> float:
    return math.inf if gap is None else gap


def _percent(gap: float | None) -> str:
    return "unknown" if gap is None or math.isinf(gap) else f"{100 * gap:.3f} %"


def _describe(instance: Instance, row: Row, gap: float | None, i: int) -> str:
    answer = row.solutions[i]
    if answer.objective is None:
        return f"{row.solver}: not feasible ({'; '.join(answer.violations)})"
    terms = problem_of(instance).objective.terms
    value = instance.units.format_objective(terms, answer.objective, format_number)
    return f"{row.solver}: {value}, gap {_percent(gap)}, {format_number(answer.seconds, 2)} s"


def _map(instance: Instance, solution: Solution, title: str) -> Figure:
    """A small map; its title names the solver, and the caption has its seconds."""
    return TourMap(instance, replace(solution, solver=""), title=title, with_details=False, width=WIDTH).figure


def _instance_sections(comparison: Comparison) -> list[Section]:
    """The gap of every solver on each instance, under the longest limit."""
    rows = comparison.under(comparison.time_limits[-1])
    gaps = [comparison.gaps_by_instance(row) for row in rows]
    lines = [
        [instance.name, f"{instance.size:,}", _number(reference), *(_gap(column[i]) for column in gaps)]
        for i, (instance, reference) in enumerate(zip(comparison.instances, comparison.references, strict=True))
    ]
    headings = ["instance", "nodes", comparison.reference, *(f"{row.solver}, gap %" for row in rows)]
    texts = [f"Under the limit of {rows[0].time_limit:g} s."]
    if len(lines) > MOST_LISTED:
        texts[0] += f" The first {MOST_LISTED} of {len(lines)} instances."
    return [Section("Instance by instance", texts, [Table(headings, lines[:MOST_LISTED])], is_folded=True)]


def _number(value: float) -> str:
    return "–" if math.isnan(value) else format_number(value)


def _gap(gap: float | None) -> str:
    return "–" if gap is None else f"{100 * gap:.3f}"


def _how_section(comparison: Comparison, how: Mapping[str, str]) -> Section:
    """Command, solvers, notes, versions and machine."""
    solvers = dict.fromkeys(comparison.specs.get(row.solver, row.solver) for row in comparison.rows)
    facts = {
        **how,
        "solvers": ", ".join(solvers),
        "time limits": ", ".join(f"{limit:g} s" for limit in comparison.time_limits),
        **describe_machine(),
    }
    rows = [[name, text] for name, text in facts.items()]
    return Section("How it was run", list(comparison.notes), [Table(["", ""], rows, labels=2)])
